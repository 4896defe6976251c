/* The embedded engine: one LMDB database in a directory of its own. */
#ifndef STORE_LMDB_LMDB_H
#define STORE_LMDB_LMDB_H

#include "store/engine.h"

/* Where a store is: store_options.place of this engine. */
struct lmdb_place {
    const char *directory; /* made, mode 0700, when it does not exist and the store may be made */
    size_t map_size;       /* bytes of address space; 0: 64 GiB, less where that is refused */
    size_t ballast_size;   /* bytes kept back for urgent commits; 0: 1 MiB */
};

/* Opening and checking first walk every row in a child process, so that a damaged file cannot bring down the
 * caller. Opening locks the directory against a second process. If another process has the lock, the refusal
 * gives its pid. */
extern const struct engine_ops LMDB_ENGINE;

#endif
