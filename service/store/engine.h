/* What a storage engine provides: rows of bytes, and one atomic, durable, guarded write. store.c makes
 * expectations, revisions and message authentication above it, in the same way for every engine. */
#ifndef STORE_ENGINE_H
#define STORE_ENGINE_H

#include "store/record.h"

enum { ENGINE_VERSION = 3, ENGINE_NOTE_SIZE = 64 * 1024 };

/* Rows of the store's own; their keys begin with a zero byte, which no caller's key does. */
extern const struct bytes
    ENGINE_IDENTITY_KEY; /* format, store id, id of the key-encryption key; written once */
extern const struct bytes
    ENGINE_STATE_KEY; /* count and sum of the callers' rows; its revision is the store's */

/* The order of rows: byte by byte, the shorter first where one begins with the other. As memcmp. */
int engine_compare(struct bytes a, struct bytes b);

struct engine_change {
    struct bytes key;
    struct bytes record; /* empty: erase the row */
};

/* Returns false to end the reading. The views are valid during the call only. */
typedef bool engine_visit(void *context, struct bytes key, struct bytes record);

/* What an engine is opened with. */
struct engine_opening {
    const void *place; /* where, as the engine takes it: store_options.place */
    bool create;       /* make a store where there is none */
    struct bytes key_id;
    struct authenticator *authenticator; /* makes and opens records; outlives the engine */
};

/* The largest change that an engine takes at once, and the largest row. The state row is one of its rows. */
struct engine_limits {
    size_t rows;
    size_t bytes; /* of all keys and records together */
    size_t key, record;
};

struct engine_opened {
    void *engine;
    uint8_t store_id[STORE_ID_SIZE];
    struct engine_limits limits;
};

/* get and list are called from any thread; apply from one at a time, beside readers. All may block on the
 * medium; for one that is reached over a network each call is a round trip. */
struct engine_ops {
    /* Must be ENGINE_VERSION. */
    unsigned version;

    /* Must. Opens the store at a place, or makes it, and checks it. NOT_FOUND: there is no store, and none
     * was to be made. FAILED_PRECONDITION: the store is in use, gone, or another one than it should be.
     * DENIED: it is under another key-encryption key, or may not be read. CORRUPT. Each message says what to
     * do. */
    jwkd_status (*open)(const struct engine_opening *opening, struct engine_opened *out, jwkd_error *error);

    /* Must. Finds what open would find, without changing anything or waiting for anybody. OK as well where
     * there is no store yet but one may be made. */
    jwkd_status (*check)(const struct engine_opening *opening, uint64_t *out_rows, jwkd_error *error);

    /* Must. Looks at a place before there is a key to open the store with. */
    enum store_presence (*look)(const void *place);

    /* Must. Visits the records of these keys, of one state of the store and in the order of the keys; an
     * empty record: there is none. CORRUPT; UNAVAILABLE or BUSY when they cannot be read at present. */
    jwkd_status (*get)(
        void *engine, const struct bytes *keys, size_t count, engine_visit *visit, void *context);

    /* Must. Visits, in byte order and of one state of the store, the rows that begin with `prefix`, behind
     * `after`. */
    jwkd_status (*list)(
        void *engine, struct bytes prefix, struct bytes after, engine_visit *visit, void *context);

    /* Must. Makes all changes or none, durably, on condition that the record of the state row is still
     * `guard`. CONFLICT: it is not, and nothing was changed. The caller sees to it that the keys differ and
     * the limits are kept. UNAVAILABLE with a message: the medium cannot take the change at present; each
     * call tries anew. An engine that can find out what became of a change does so before it answers.
     * `urgent`: the change may use the space that is kept back. While that space is missing, a change that is
     * not urgent adds no row. */
    jwkd_status (*apply)(void *engine, struct bytes guard, const struct engine_change *changes, size_t count,
        bool urgent, jwkd_error *error);

    /* May, all three or none of them, where nobody else writes to the store: a place for one note. `note`
     * puts bytes (at most ENGINE_NOTE_SIZE) in place of the last note. They are durable on return, sooner
     * than a change would be. UNAVAILABLE: the caller applies the change instead. `noted` appends the last
     * note, with anything that lies behind it; it is called at opening only. `forget` overwrites the first
     * `size` bytes, and the disk has that some time later. All three are called as apply is. */
    jwkd_status (*note)(void *engine, struct bytes note);
    jwkd_status (*noted)(void *engine, struct buffer *out);
    void (*forget)(void *engine, size_t size);

    /* May. An engine without it is always STORE_READ_WRITE. Never blocks. */
    enum store_condition (*condition)(const void *engine);

    /* May. A commit has come to this revision of the store, durably. Called as apply is; never fails. */
    void (*came_to)(void *engine, uint64_t revision);

    /* May. Whether the store that was opened is not the one that was last committed here, but was put back
     * from a backup. */
    bool (*went_back)(const void *engine);

    /* Must. Releases everything. */
    void (*close)(void *engine);
};

/* Appends the record of one row. NOT_FOUND. */
jwkd_status engine_get_one(
    const struct engine_ops *ops, void *engine, struct bytes key, struct buffer *out) MUST_CHECK;

/* What the two rows of the store's own say. */
struct engine_identity {
    uint8_t store_id[STORE_ID_SIZE];
    struct bytes key_id; /* at most ENGINE_KEY_ID_SIZE bytes; a view into the row */
};
enum { ENGINE_KEY_ID_SIZE = 32, ENGINE_STATE_SIZE = RECORD_HEAD_SIZE + 8 + RECORD_MAC_SIZE /* its record */ };

struct engine_state {
    uint64_t revision; /* raised by one by every commit */
    uint64_t count;
    /* The exclusive or of the codes of all callers' rows. It shows a row that vanished, came back or went
     * back. */
    uint8_t sum[RECORD_MAC_SIZE];
};

/* Appends the record. */
jwkd_status engine_identity_make(struct authenticator *authenticator, const struct engine_identity *identity,
    struct buffer *out) MUST_CHECK;
/* What an identity record says. Its code is not checked. False: it is no such record. */
bool engine_identity_read(struct bytes record, struct engine_identity *out);

jwkd_status engine_state_make(
    struct authenticator *authenticator, const struct engine_state *state, struct buffer *out) MUST_CHECK;
jwkd_status engine_state_open(
    struct authenticator *authenticator, struct bytes record, struct engine_state *out) MUST_CHECK;

/* The two rows of a new store, in records that follow each other in *records. */
jwkd_status engine_first_rows(struct authenticator *authenticator, struct bytes key_id,
    struct buffer *records, struct engine_change rows[2]) MUST_CHECK;

#endif
