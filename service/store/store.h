/* What persistence promises: get, list by prefix, and an atomic write of many rows, each on condition of
 * its revision. That fits an LMDB transaction and an etcd compare-and-swap transaction alike.
 *
 * Every row carries a message authentication code over its key, revision and value, made here, above the
 * engine, so that a scribbled or foreign row is never believed. */
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

/* Opens the store, or makes it. To be called before any thread is started: an engine may look at it in a
 * child process first. NOT_FOUND: there is none, and it was not to be made. FAILED_PRECONDITION: in use by
 * another process, gone, emptied, or another store's. DENIED: sealed under another key-encryption key (says
 * both ids), or not to be read. CORRUPT: damaged. UNSUPPORTED: made by a later version. UNAVAILABLE: a
 * deactivation is noted that is not in the database yet, and it cannot be written. Each message says what to
 * do next. Where the medium cannot be written, an existing store may be opened as STORE_READ_ONLY; commits go
 * on by themselves once it can be. */
jwkd_status store_open(const struct store_options *options, struct store **out, jwkd_error *error) MUST_CHECK;

/* Whether it could be opened; changes nothing and waits for nobody: for `jwkd --check`, beside a running
 * process too. Where nothing is yet but may be made, that is in order. */
jwkd_status store_check(
    const struct store_options *options, uint64_t *out_rows, jwkd_error *error) MUST_CHECK;

/* What is at a place, as far as it shows without a key. LOST: traces of a store, and none. */
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
/* What it takes of store_limits.bytes. */
size_t store_write_size(const struct store_write *write);

/* A row as it is handed out; views are valid during the call only. */
struct store_row {
    struct bytes key, value;
    uint64_t revision; /* the store's revision at the row's last write; STORE_ABSENT: there is no such row */
};
/* Returns false to end the reading early. Must not call the store. */
typedef bool store_visit(void *context, const struct store_row *row);

/* FULL: the last change found no room, or there is hardly any, or what is kept back for urgent commits was
 * used and is not there again: some changes are refused, or all are. */
enum store_condition { STORE_READ_WRITE, STORE_READ_ONLY, STORE_FULL };

/* Any thread may call anything; commits take turns. All calls but condition and id may block on the disk. */

/* Appends the row's value to `out` (whose earlier contents stay). out_revision may be NULL. NOT_FOUND,
 * CORRUPT, UNAVAILABLE; BUSY with more than a hundred threads at it. */
jwkd_status store_get(
    struct store *store, struct bytes key, struct buffer *out, uint64_t *out_revision) MUST_CHECK;

/* Visits the rows of these keys, in one reading and in their order; what is absent, too. */
jwkd_status store_get_many(struct store *store, const struct bytes *keys, size_t count, store_visit *visit,
    void *context) MUST_CHECK;

/* Visits the rows whose key begins with `prefix`, in byte order, those behind `after` (empty: from the
 * start). */
jwkd_status store_list(struct store *store, struct bytes prefix, struct bytes after, store_visit *visit,
    void *context) MUST_CHECK;

/* Writes all or nothing, durably: when it returns JWKD_OK the rows survive a crash. *out_revision is the
 * revision that all of them now have. CONFLICT: an expectation did not hold, or somebody else wrote
 * meanwhile; nothing was written: read again, and decide again. INVALID_ARGUMENT: a key or value out of
 * bounds, or the same key twice. RESOURCE_EXHAUSTED: more than store_limits. UNAVAILABLE: full disk or
 * read-only; the next call tries again, so that it heals by itself. After an I/O error the rows may have been
 * written all the same: read one to know. `urgent`: room kept back for this (a ballast file) may be used, and
 * until it is there again no other commit adds a row (UNAVAILABLE); and it may return as soon as the change
 * is durable, with work left (store_settle). Without any row, a commit makes durable what can be read. */
jwkd_status store_commit(struct store *store, const struct store_write *writes, size_t count, bool urgent,
    uint64_t *out_revision, jwkd_error *error) MUST_CHECK;
/* Does what an urgent commit left. Whatever is called next does it first; a caller that has told those who
 * wait does it then, so that nobody waits for it. UNAVAILABLE: the medium cannot take it at present; nothing
 * is lost, and until it can, nothing is read or committed. `error` may be NULL. */
jwkd_status store_settle(struct store *store, jwkd_error *error) MUST_CHECK;
/* Whether there is anything to settle. Never blocks. */
bool store_is_unsettled(const struct store *store);

enum store_condition store_condition(const struct store *store);
/* The database's identity, minted when it was made: STORE_ID_SIZE bytes. */
struct bytes store_id(const struct store *store);

/* Whether what was opened may not be what was last committed here: it was put back from a backup, or copied.
 * Stays as it was at opening; the next opening asks afresh once something was committed. */
bool store_went_back(const struct store *store);

/* NULL is fine. */
void store_close(struct store *store);

#endif
