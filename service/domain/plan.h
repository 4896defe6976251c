/* Deciding a change: from how an environment's keys stand and what is wanted to the steps of one revision. */
#ifndef DOMAIN_PLAN_H
#define DOMAIN_PLAN_H

#include "domain/environment.h"
#include "domain/lifecycle.h"

struct plan_key {
    const char *kid;
    enum key_state state;
    uint64_t born;  /* the revision that published it: later ones are younger */
    bool held;      /* not to be promoted by itself */
};

/* An environment as it stands. Borrowed. */
struct plan_view {
    enum environment_mode mode;
    const struct plan_key *keys;
    size_t count;
};

enum { PLAN_NEW_KEY = -1, PLAN_MAX_STEPS = 4 };

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

/* A new key: published, and primary unless `hold`. `invalidate_kid` (NULL or "": none) is named in exclusive mode only, and
 * must be when there is a live key. */
jwkd_status plan_publish(const struct plan_view *view, bool hold, const char *invalidate_kid, struct plan *out,
    jwkd_error *error) MUST_CHECK;
jwkd_status plan_set_primary(const struct plan_view *view, const char *kid, struct plan *out, jwkd_error *error) MUST_CHECK;
/* A deactivated primary is succeeded by the youngest active key, held ones only where there is no other. */
jwkd_status plan_deactivate(const struct plan_view *view, const char *kid, bool allow_none, struct plan *out,
    jwkd_error *error) MUST_CHECK;
jwkd_status plan_destroy(const struct plan_view *view, const char *kid, struct plan *out, jwkd_error *error) MUST_CHECK;
/* Whether the environment may change to `mode`: exclusive wants at most one live key. */
jwkd_status plan_mode(const struct plan_view *view, enum environment_mode mode, jwkd_error *error) MUST_CHECK;

size_t plan_live_keys(const struct plan_view *view);

#endif
