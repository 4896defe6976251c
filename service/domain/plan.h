/* Deciding a change: it takes how an environment's keys stand and what is wanted, and gives the steps of one
 * revision. */
#ifndef DOMAIN_PLAN_H
#define DOMAIN_PLAN_H

#include "domain/environment.h"
#include "domain/lifecycle.h"

struct plan_key {
    const char *kid;
    enum key_state state;
    uint64_t born;     /* the revision that published it: later ones are younger */
    uint64_t revision; /* that changed the key last */
    bool held;         /* not to be promoted by itself */
    bool retiring;     /* to be deactivated by itself */
    bool confirmed;    /* every subscriber has confirmed it: counts when a successor is chosen */
};

/* An environment as it stands. Borrowed. */
struct plan_view {
    enum environment_mode mode;
    const struct plan_key *keys;
    size_t count;
};

enum { PLAN_NEW_KEY = -1, PLAN_MAX_STEPS = 5 };

/* One step: what happens to which key (an index of the view, or PLAN_NEW_KEY). */
struct plan_step {
    enum key_action action;
    int key;
};

/* All steps belong to one revision; no steps: nothing changes. */
struct plan {
    struct plan_step steps[PLAN_MAX_STEPS];
    size_t count;
};

/* When a new key becomes primary. */
enum promote {
    PROMOTE_NEVER, /* held */
    PROMOTE_LATER, /* once the subscribers have it: plan_promote() */
    PROMOTE_NOW,
};
/* Publishes a new key. Exclusive mode replaces the live key at once, whatever `promote` says;
 * `invalidate_kid` (NULL or "": none) must then name the live key, if there is one. `retire_old`: a primary
 * key that is replaced retires. */
jwkd_status plan_publish(const struct plan_view *view, enum promote promote, bool retire_old,
    const char *invalidate_kid, struct plan *out, jwkd_error *error) MUST_CHECK;
/* Makes an active key primary, even one that is held or retiring. No steps: it is primary already. */
jwkd_status plan_promote(const struct plan_view *view, const char *kid, bool retire_old, struct plan *out,
    jwkd_error *error) MUST_CHECK;
/* Marks an active key to be deactivated by itself. */
jwkd_status plan_retire(
    const struct plan_view *view, const char *kid, struct plan *out, jwkd_error *error) MUST_CHECK;
/* Takes a rotation back: `new_kid` is held. If it is primary already, the key that began to retire in that
 * revision becomes primary again. NOT_FOUND: no key has this kid. FAILED_PRECONDITION: the new key is not
 * live any more, or the old one is not there or not live any more. */
jwkd_status plan_abort_rotation(
    const struct plan_view *view, const char *new_kid, struct plan *out, jwkd_error *error) MUST_CHECK;
/* Deactivates a key. A primary key is succeeded (proto/DELIVERY.md P8) by the youngest active key. A
 * confirmed key goes before one that is not, and held or retiring keys come last. */
jwkd_status plan_deactivate(const struct plan_view *view, const char *kid, bool allow_none, struct plan *out,
    jwkd_error *error) MUST_CHECK;
jwkd_status plan_destroy(
    const struct plan_view *view, const char *kid, struct plan *out, jwkd_error *error) MUST_CHECK;
/* Whether the environment may change to `mode`: exclusive mode needs at most one live key. */
jwkd_status plan_mode(const struct plan_view *view, enum environment_mode mode, jwkd_error *error) MUST_CHECK;

size_t plan_live_keys(const struct plan_view *view);

#endif
