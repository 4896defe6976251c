/* How a store in a directory is found, made, checked and opened: the first three functions of engine_ops. */
#ifndef STORE_LMDB_OPEN_H
#define STORE_LMDB_OPEN_H

#include "store/engine.h"

jwkd_status lmdb_open_store(
    const struct engine_opening *opening, struct engine_opened *out, jwkd_error *error) MUST_CHECK;
jwkd_status lmdb_check_store(
    const struct engine_opening *opening, uint64_t *out_rows, jwkd_error *error) MUST_CHECK;
enum store_presence lmdb_look(const void *place);

#endif
