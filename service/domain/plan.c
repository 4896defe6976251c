#include "domain/plan.h"

static void add_step(struct plan *plan, enum key_action action, int key)
{
    plan->steps[plan->count++] = (struct plan_step){.action = action, .key = key};
}

static int find_key(const struct plan_view *view, const char *kid)
{
    for (size_t i = 0; i < view->count; i++)
        if (strcmp(view->keys[i].kid, kid) == 0) return (int)i;
    return -1;
}

static int find_primary(const struct plan_view *view)
{
    for (size_t i = 0; i < view->count; i++)
        if (view->keys[i].state == KEY_PRIMARY) return (int)i;
    return -1;
}

static jwkd_status require_key(const struct plan_view *view, const char *kid, int *out, jwkd_error *error)
{
    int key = find_key(view, kid);
    if (key < 0) return fail(error, JWKD_NOT_FOUND, "the environment has no key with the kid \"%.128s\"", kid);
    *out = key;
    return JWKD_OK;
}

size_t plan_live_keys(const struct plan_view *view)
{
    size_t live = 0;
    for (size_t i = 0; i < view->count; i++) live += key_state_live(view->keys[i].state);
    return live;
}

/* In exclusive mode the one live key must be named by whoever replaces it. */
static jwkd_status check_invalidation(const struct plan_view *view, bool hold, const char *kid, int *out_key,
    jwkd_error *error)
{
    *out_key = -1;
    if (view->mode == MODE_OVERLAP) {
        if (kid) return fail(error, JWKD_INVALID_ARGUMENT, "a kid to invalidate goes with exclusive mode only");
        return JWKD_OK;
    }
    if (hold) return fail(error, JWKD_INVALID_ARGUMENT, "exclusive mode has one live key: a key cannot be held");
    for (size_t i = 0; i < view->count; i++)
        if (key_state_live(view->keys[i].state)) *out_key = (int)i;
    if (*out_key < 0 && kid)
        return fail(error, JWKD_FAILED_PRECONDITION, "there is no live key to invalidate");
    if (*out_key >= 0 && !kid)
        return fail(error, JWKD_FAILED_PRECONDITION,
            "in exclusive mode a new key invalidates the live one: name its kid (--invalidate KID)");
    if (*out_key >= 0 && strcmp(view->keys[*out_key].kid, kid) != 0)
        return fail(error, JWKD_FAILED_PRECONDITION, "\"%.128s\" is not the live key of this environment", kid);
    return JWKD_OK;
}

jwkd_status plan_publish(const struct plan_view *view, bool hold, const char *invalidate_kid, struct plan *out,
    jwkd_error *error)
{
    if (invalidate_kid && !*invalidate_kid) invalidate_kid = NULL;
    int invalidated;
    TRY(check_invalidation(view, hold, invalidate_kid, &invalidated, error));
    struct plan plan = {.count = 0};
    add_step(&plan, KEY_PUBLISH, PLAN_NEW_KEY);
    int primary = find_primary(view);
    if (invalidated >= 0) add_step(&plan, KEY_DEACTIVATE, invalidated);
    if (!hold) {
        if (primary >= 0 && primary != invalidated) add_step(&plan, KEY_DEMOTE, primary);
        add_step(&plan, KEY_PROMOTE, PLAN_NEW_KEY);
    }
    *out = plan;
    return JWKD_OK;
}

jwkd_status plan_set_primary(const struct plan_view *view, const char *kid, struct plan *out, jwkd_error *error)
{
    int key;
    enum key_state next;
    TRY(require_key(view, kid, &key, error));
    TRY(lifecycle_next(view->keys[key].state, KEY_PROMOTE, &next, error));
    struct plan plan = {.count = 0};
    if (next != view->keys[key].state) {
        int primary = find_primary(view);
        if (primary >= 0) add_step(&plan, KEY_DEMOTE, primary);
        add_step(&plan, KEY_PROMOTE, key);
    }
    *out = plan;
    return JWKD_OK;
}

static int find_successor(const struct plan_view *view)
{
    int best = -1;
    for (size_t i = 0; i < view->count; i++) {
        const struct plan_key *key = &view->keys[i];
        if (key->state != KEY_ACTIVE) continue;
        const struct plan_key *other = best < 0 ? NULL : &view->keys[best];
        if (!other || (other->held && !key->held) || (other->held == key->held && key->born > other->born))
            best = (int)i;
    }
    return best;
}

jwkd_status plan_deactivate(const struct plan_view *view, const char *kid, bool allow_none, struct plan *out,
    jwkd_error *error)
{
    int key;
    enum key_state next;
    TRY(require_key(view, kid, &key, error));
    TRY(lifecycle_next(view->keys[key].state, KEY_DEACTIVATE, &next, error));
    struct plan plan = {.count = 0};
    if (next != view->keys[key].state) {
        if (plan_live_keys(view) == 1 && !allow_none)
            return fail(error, JWKD_FAILED_PRECONDITION,
                "this is the last active key and signing would stop: generate another first, or allow none (--allow-none)");
        add_step(&plan, KEY_DEACTIVATE, key);
        int successor = view->keys[key].state == KEY_PRIMARY ? find_successor(view) : -1;
        if (successor >= 0) add_step(&plan, KEY_PROMOTE, successor);
    }
    *out = plan;
    return JWKD_OK;
}

jwkd_status plan_destroy(const struct plan_view *view, const char *kid, struct plan *out, jwkd_error *error)
{
    int key;
    enum key_state next;
    TRY(require_key(view, kid, &key, error));
    TRY(lifecycle_next(view->keys[key].state, KEY_DESTROY, &next, error));
    struct plan plan = {.count = 0};
    if (next != view->keys[key].state) add_step(&plan, KEY_DESTROY, key);
    *out = plan;
    return JWKD_OK;
}

jwkd_status plan_mode(const struct plan_view *view, enum environment_mode mode, jwkd_error *error)
{
    if (mode == MODE_EXCLUSIVE && plan_live_keys(view) > 1)
        return fail(error, JWKD_FAILED_PRECONDITION,
            "exclusive mode has at most one live key, and there are %zu: deactivate the others first",
            plan_live_keys(view));
    return JWKD_OK;
}
