/* A note: a change that is durable before it is in the database. An engine needs several writes for a change,
 * one after the other, and a deactivation does not wait for them. It is noted by one write in a place of its
 * own (engine_ops.note), told to everybody, and then brought into the database (proto/DELIVERY.md D1). A note
 * names the state that it follows. If the database is in another state, it has the note's change already, and
 * the note says nothing.
 *
 * Its form: the size of the rest (4 bytes, big-endian), and a record (record.h) whose value is the guard and
 * then each change, texts preceded by their sizes (4 bytes). */
#ifndef STORE_NOTE_H
#define STORE_NOTE_H

#include "store/engine.h"

enum { NOTE_CHANGES = 64 };

struct note {
    uint64_t revision;  /* of the store, behind the changes */
    struct bytes guard; /* the record of the state that they follow; views into what was read */
    size_t count;
    struct engine_change changes[NOTE_CHANGES]; /* as engine_ops.apply takes them */
};

/* Appends its form. RESOURCE_EXHAUSTED: too many changes, or more than ENGINE_NOTE_SIZE bytes; NO_MEMORY. */
jwkd_status note_make(
    struct authenticator *authenticator, const struct note *note, struct buffer *out) MUST_CHECK;
/* Reads what an engine kept, with anything that lies behind the note. CORRUPT: no note was ever written
 * whole. */
jwkd_status note_open(struct authenticator *authenticator, struct bytes kept, struct note *out) MUST_CHECK;
/* Reads the value of the note's record, and does not ask whether it is authentic. Leaves the revision alone.
 * CORRUPT. */
jwkd_status note_read(struct bytes value, struct note *out) MUST_CHECK;

#endif
