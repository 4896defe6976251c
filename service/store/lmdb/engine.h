/* The rows in LMDB; engine.c is the only file that knows its library. */
#ifndef STORE_LMDB_ENGINE_H
#define STORE_LMDB_ENGINE_H

#include "store/engine.h"
#include "store/lmdb/directory.h"

#define LMDB_DATA_FILE "data.mdb"

struct lmdb;

/* Makes an engine that has nothing open yet. It takes the directory over, unless it fails (NO_MEMORY). Sizes
 * are as in struct lmdb_place. */
jwkd_status lmdb_new(
    struct directory *directory, size_t map_size, size_t ballast_size, struct lmdb **out) MUST_CHECK;
/* These take a struct lmdb, as engine_ops do; NULL is fine. */
void lmdb_close(void *engine);
/* Appends the last note. NOT_FOUND, DENIED, UNAVAILABLE, NO_MEMORY. */
jwkd_status lmdb_noted(void *engine, struct buffer *out) MUST_CHECK;
struct directory *lmdb_directory(struct lmdb *lmdb);
struct engine_limits lmdb_limits(const struct lmdb *lmdb);

/* Makes the database with its first rows, under another name, and renames it. So a database with the right
 * name is whole, even after a crash. */
jwkd_status lmdb_make(
    const struct lmdb *lmdb, const struct engine_change *first, size_t count, jwkd_error *error) MUST_CHECK;

/* Looks at the file's pages before anything is opened, while no process writes. CORRUPT, DENIED. */
jwkd_status lmdb_inspect(const struct lmdb *lmdb, jwkd_error *error) MUST_CHECK;

/* Opens the database for reading only. Goes past LMDB's own locks, unless `shared` with a process that
 * writes. CORRUPT, DENIED, NO_MEMORY. */
jwkd_status lmdb_open_to_read(struct lmdb *lmdb, bool shared, jwkd_error *error) MUST_CHECK;
/* Opens the database for writing, if the directory's lock is taken and the medium can be written; otherwise
 * for reading, until both are so. `revision`: the store's, as the check found it. */
jwkd_status lmdb_open(struct lmdb *lmdb, uint64_t revision, jwkd_error *error) MUST_CHECK;

#endif
