#include "domain/lifecycle.h"

struct transition {
    enum key_state next; /* KEY_ABSENT: not allowed */
    const char *refusal;
};

// clang-format off
static const struct transition TRANSITIONS[KEY_STATE_COUNT][KEY_ACTION_COUNT] = {
    [KEY_ABSENT] = {
        [KEY_PUBLISH]    = {KEY_ACTIVE, NULL},
        [KEY_PROMOTE]    = {KEY_ABSENT, "there is no such key"},
        [KEY_DEMOTE]     = {KEY_ABSENT, "there is no such key"},
        [KEY_HOLD]       = {KEY_ABSENT, "there is no such key"},
        [KEY_RETIRE]     = {KEY_ABSENT, "there is no such key"},
        [KEY_DEACTIVATE] = {KEY_ABSENT, "there is no such key"},
        [KEY_DESTROY]    = {KEY_ABSENT, "there is no such key"},
    },
    [KEY_ACTIVE] = {
        [KEY_PUBLISH]    = {KEY_ABSENT, "the key is published already"},
        [KEY_PROMOTE]    = {KEY_PRIMARY, NULL},
        [KEY_DEMOTE]     = {KEY_ACTIVE, NULL},
        [KEY_HOLD]       = {KEY_ACTIVE, NULL},
        [KEY_RETIRE]     = {KEY_ACTIVE, NULL},
        [KEY_DEACTIVATE] = {KEY_DEACTIVATED, NULL},
        [KEY_DESTROY]    = {KEY_ABSENT, "the key is active; deactivate it first"},
    },
    [KEY_PRIMARY] = {
        [KEY_PUBLISH]    = {KEY_ABSENT, "the key is published already"},
        [KEY_PROMOTE]    = {KEY_PRIMARY, NULL},
        [KEY_DEMOTE]     = {KEY_ACTIVE, NULL},
        [KEY_HOLD]       = {KEY_ABSENT, "the key is the primary key; set another one primary first"},
        [KEY_RETIRE]     = {KEY_ABSENT, "the key is the primary key; rotate, or set another one primary first"},
        [KEY_DEACTIVATE] = {KEY_DEACTIVATED, NULL},
        [KEY_DESTROY]    = {KEY_ABSENT, "the key is the primary key; deactivate it first"},
    },
    [KEY_DEACTIVATED] = {
        [KEY_PUBLISH]    = {KEY_ABSENT, "the key was deactivated, which is final"},
        [KEY_PROMOTE]    = {KEY_ABSENT, "the key was deactivated, which is final"},
        [KEY_DEMOTE]     = {KEY_ABSENT, "the key was deactivated, which is final"},
        [KEY_HOLD]       = {KEY_ABSENT, "the key was deactivated, which is final"},
        [KEY_RETIRE]     = {KEY_ABSENT, "the key was deactivated, which is final"},
        [KEY_DEACTIVATE] = {KEY_DEACTIVATED, NULL},
        [KEY_DESTROY]    = {KEY_DESTROYED, NULL},
    },
    [KEY_DESTROYED] = {
        [KEY_PUBLISH]    = {KEY_ABSENT, "the key was destroyed, which is final"},
        [KEY_PROMOTE]    = {KEY_ABSENT, "the key was destroyed, which is final"},
        [KEY_DEMOTE]     = {KEY_ABSENT, "the key was destroyed, which is final"},
        [KEY_HOLD]       = {KEY_ABSENT, "the key was destroyed, which is final"},
        [KEY_RETIRE]     = {KEY_ABSENT, "the key was destroyed, which is final"},
        [KEY_DEACTIVATE] = {KEY_DESTROYED, NULL},
        [KEY_DESTROY]    = {KEY_DESTROYED, NULL},
    },
};
// clang-format on

const char *key_state_name(enum key_state state)
{
    static const char *const NAMES[KEY_STATE_COUNT] = {
        "absent", "active", "primary", "deactivated", "destroyed"};
    return NAMES[(unsigned)state < KEY_STATE_COUNT ? state : KEY_ABSENT];
}

jwkd_status lifecycle_next(
    enum key_state state, enum key_action action, enum key_state *out_next, jwkd_error *error)
{
    const struct transition *transition = &TRANSITIONS[state][action];
    if (transition->next == KEY_ABSENT)
        return fail(error, JWKD_FAILED_PRECONDITION, "%s", transition->refusal);
    *out_next = transition->next;
    return JWKD_OK;
}
