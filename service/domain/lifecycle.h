/* The life of a key: states, and what may be done in each, as one table. */
#ifndef DOMAIN_LIFECYCLE_H
#define DOMAIN_LIFECYCLE_H

#include "base/bytes.h"

/* "Primary" is an active key that its environment names. It is a state here because other actions are allowed
 * in it. */
enum key_state { KEY_ABSENT, KEY_ACTIVE, KEY_PRIMARY, KEY_DEACTIVATED, KEY_DESTROYED, KEY_STATE_COUNT };

/* KEY_HOLD and KEY_RETIRE mark an active key. A held key is not promoted by itself. A retiring key is
 * deactivated by itself once the last token that it signed has expired. Promotion takes both marks off. */
enum key_action {
    KEY_PUBLISH,
    KEY_PROMOTE,
    KEY_DEMOTE,
    KEY_HOLD,
    KEY_RETIRE,
    KEY_DEACTIVATE,
    KEY_DESTROY,
    KEY_ACTION_COUNT
};

const char *key_state_name(enum key_state state);

/* *out_next is the state after the action; the same state means that nothing changes, which is no error.
 * FAILED_PRECONDITION says why the state does not allow it. */
jwkd_status lifecycle_next(
    enum key_state state, enum key_action action, enum key_state *out_next, jwkd_error *error) MUST_CHECK;

static inline bool key_state_live(enum key_state state)
{
    return state == KEY_ACTIVE || state == KEY_PRIMARY;
}

#endif
