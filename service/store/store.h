/* What persistence promises: get, list by prefix, and an atomic write of many rows, each on condition of its
 * revision. Both an LMDB transaction and an etcd compare-and-swap transaction can do that.
 *
 * Every row carries a message authentication code over its key, revision and value. The store makes it, above
 * the engine, so that a scribbled or foreign row is never believed. */
#ifndef STORE_STORE_H
#define STORE_STORE_H

#include "base/bytes.h"
#include "base/limits.h"

struct store;
struct engine_ops;

enum { STORE_ID_SIZE = 16, STORE_MAC_KEY_SIZE = 32 };

struct store_options {
    const struct engine_ops *engine; /* lmdb/lmdb.h: LMDB_ENGINE */
    const void *place;               /* where, as that engine takes it: a struct lmdb_place */
    bool create;                     /* make a new store where there is none */
    uint8_t mac_key[STORE_MAC_KEY_SIZE];
    struct bytes key_id; /* names the key-encryption key; kept with the store */
};

/* Opens the store, or makes it. Call it before any thread is started: an engine may look at the store in a
 * child process first. NOT_FOUND: there is no store, and none was to be made. FAILED_PRECONDITION: the store
 * is in use by another process, gone, emptied, or another one than it should be. DENIED: it is sealed under
 * another key-encryption key (the message gives both ids), or may not be read. CORRUPT: it is damaged.
 * UNSUPPORTED: a later version made it. UNAVAILABLE: a deactivation is noted that is not in the database yet,
 * and the database cannot be written. Each message says what to do next. Where the medium cannot be written,
 * an existing store may be opened as STORE_READ_ONLY; commits go on by themselves once it can be. */
jwkd_status store_open(const struct store_options *options, struct store **out, jwkd_error *error) MUST_CHECK;

/* Whether the store could be opened. Changes nothing and waits for nobody, so that `jwkd --check` can run
 * beside a running process. OK as well where there is no store yet but one may be made. */
jwkd_status store_check(
    const struct store_options *options, uint64_t *out_rows, jwkd_error *error) MUST_CHECK;

/* What is at a place, as far as it shows without a key. STORE_LOST: there are traces of a store, but no
 * store. */
enum store_presence { STORE_NOWHERE, STORE_LOST, STORE_PRESENT };
enum store_presence store_look(const struct engine_ops *engine, const void *place);

/* The largest commit that the store takes; more is refused before anything is written. */
struct store_limits {
    size_t rows;
    size_t bytes;      /* as store_write_size counts them */
    size_t key, value; /* of one row; at most LIMIT_STORE_KEY and LIMIT_STORE_VALUE */
};
const struct store_limits *store_limits(const struct store *store);

/* How a row must stand for a write to happen. Other numbers: the row's revision must be exactly this. */
#define STORE_ABSENT UINT64_C(0)
#define STORE_ANY UINT64_MAX

struct store_write {
    struct bytes key; /* at least a byte, the first of them not zero */
    struct bytes value;
    bool erase;        /* delete the row; `value` is ignored; deleting an absent row is no error */
    uint64_t expected; /* STORE_ABSENT, STORE_ANY or a revision */
};
/* How much of store_limits.bytes the write takes. */
size_t store_write_size(const struct store_write *write);

/* A row as it is handed out; views are valid during the call only. */
struct store_row {
    struct bytes key, value;
    uint64_t revision; /* the store's revision at the row's last write; STORE_ABSENT: there is no such row */
};
/* Returns false to end the reading early. Must not call the store. */
typedef bool store_visit(void *context, const struct store_row *row);

/* STORE_FULL: the last change found no room; or there is hardly any room left; or the space for urgent
 * commits was used and could not be kept back again. Some changes are refused then, or all are. */
enum store_condition { STORE_READ_WRITE, STORE_READ_ONLY, STORE_FULL };

/* Any thread may call anything; commits take turns. Every call that reads, commits, settles or closes may
 * block on the disk. */

/* Appends the row's value to `out`, whose earlier contents stay. out_revision may be NULL. NOT_FOUND,
 * CORRUPT, UNAVAILABLE; BUSY when more than a hundred threads are reading. */
jwkd_status store_get(
    struct store *store, struct bytes key, struct buffer *out, uint64_t *out_revision) MUST_CHECK;

/* Visits the rows of these keys, in one reading and in their order. Absent rows are visited, too. */
jwkd_status store_get_many(struct store *store, const struct bytes *keys, size_t count, store_visit *visit,
    void *context) MUST_CHECK;

/* Visits, in byte order, the rows whose key begins with `prefix` and comes after `after` (empty: from the
 * start). */
jwkd_status store_list(struct store *store, struct bytes prefix, struct bytes after, store_visit *visit,
    void *context) MUST_CHECK;

/* Writes all rows or none, durably: when it returns JWKD_OK the rows survive a crash. *out_revision is the
 * revision that all of them now have. CONFLICT: an expectation did not hold, or somebody else wrote
 * meanwhile; nothing was written: read again, and decide again. INVALID_ARGUMENT: a key or value is out of
 * bounds, or a key comes twice. RESOURCE_EXHAUSTED: it is more than store_limits. UNAVAILABLE: the disk is
 * full, or read-only; the next call tries again, so that it heals by itself. After an I/O error the rows may
 * have been written all the same: read one to know. `urgent`: the commit may use the space that is kept back
 * (a ballast file); until that space is there again no other commit adds a row (UNAVAILABLE). An urgent
 * commit may also return as soon as its change is durable in a note, which is then to be settled
 * (store_settle). A commit without rows makes durable what can be read. */
jwkd_status store_commit(struct store *store, const struct store_write *writes, size_t count, bool urgent,
    uint64_t *out_revision, jwkd_error *error) MUST_CHECK;
/* Brings the note of an urgent commit into the database, if there is one. Every call that reads or commits
 * does that first. The caller of the urgent commit should do it once it has told the subscribers, so that
 * nobody has to wait for it. UNAVAILABLE: the medium cannot take the change at present. Nothing is lost, but
 * until it can, nothing is read or committed. `error` may be NULL. */
jwkd_status store_settle(struct store *store, jwkd_error *error) MUST_CHECK;
/* Whether there is a note to settle. Never blocks. */
bool store_is_unsettled(const struct store *store);

enum store_condition store_condition(const struct store *store);
/* The database's identity, minted when it was made: STORE_ID_SIZE bytes. */
struct bytes store_id(const struct store *store);

/* Whether the store that was opened may not be the one that was last committed here, because it was put back
 * from a backup, or copied. The answer stays as it was at opening. Once something was committed, the next
 * opening judges afresh. */
bool store_went_back(const struct store *store);

/* NULL is fine. */
void store_close(struct store *store);

#endif
