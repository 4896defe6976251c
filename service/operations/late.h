/* Guessing a credential is made slow: after ten failures within a minute from one origin, each further
 * failure from there is answered a second later. A right credential is never delayed. */
#ifndef OPERATIONS_LATE_H
#define OPERATIONS_LATE_H

#include "base/bytes.h"

enum {
    LATE_FREE = 10,       /* failures of one origin that are answered at once, */
    LATE_WINDOW_SEC = 60, /* within so long */
    LATE_MS = 1000,       /* how much later the others are answered */
    LATE_WAITING = 256,   /* that wait at a time; more are answered at once, with BUSY */
    LATE_ORIGINS = 1024,  /* that are counted at a time: the oldest makes room */
};

struct late;

/* Embedded in what is to be answered later. */
struct late_job {
    struct late_job *next;
    uint64_t due_ns;
    void (*run)(struct late_job *job); /* on a thread of its own; must not wait */
};

jwkd_status late_start(struct late **out) MUST_CHECK;
/* A credential of this origin has failed: true, where the answer is to come late. */
bool late_failed(struct late *late, const char *origin);
/* BUSY: too many wait already, or it is stopped. */
jwkd_status late_put(struct late *late, struct late_job *job) MUST_CHECK;
/* Answers at once what waits. NULL is fine; may be called twice. */
void late_stop(struct late *late);
void late_free(struct late *late); /* NULL is fine */

#endif
