/* The check at start: it walks, looks up and authenticates every row. It runs in a child process, since
 * reading a damaged file through a memory map may end in SIGBUS or worse. */
#ifndef STORE_LMDB_CHECK_H
#define STORE_LMDB_CHECK_H

#include "store/engine.h"
#include "store/lmdb/marker.h"

struct check_report {
    uint8_t store_id[STORE_ID_SIZE];
    uint64_t rows;
    uint64_t revision;
};

/* CORRUPT: a row is damaged, missing or too many. FAILED_PRECONDITION: it is not the store that `marker`
 * names. DENIED: it is under another key than the one to open it with. Without a marker (NULL)
 * FAILED_PRECONDITION, unless the store holds nothing yet. */
jwkd_status check_rows(const struct engine_ops *ops, void *engine, const struct engine_opening *opening,
    const struct marker *marker, struct check_report *out, jwkd_error *error) MUST_CHECK;

typedef jwkd_status check_work(void *context, struct check_report *out, jwkd_error *error);

/* Does `work` in a child and hands over what it found. CORRUPT: the child died of it. */
jwkd_status check_apart(
    check_work *work, void *context, struct check_report *out, jwkd_error *error) MUST_CHECK;

#endif
