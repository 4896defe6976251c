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
    if (key < 0)
        return fail(error, JWKD_NOT_FOUND, "the environment has no key with the kid \"%.128s\"", kid);
    *out = key;
    return JWKD_OK;
}

size_t plan_live_keys(const struct plan_view *view)
{
    size_t live = 0;
    for (size_t i = 0; i < view->count; i++)
        live += key_state_live(view->keys[i].state);
    return live;
}

/* In exclusive mode a request that replaces the one live key must name that key. */
static jwkd_status check_invalidation(
    const struct plan_view *view, bool hold, const char *kid, int *out_key, jwkd_error *error)
{
    *out_key = -1;
    if (view->mode == MODE_OVERLAP) {
        if (kid)
            return fail(error, JWKD_INVALID_ARGUMENT, "a kid to invalidate goes with exclusive mode only");
        return JWKD_OK;
    }
    if (hold)
        return fail(error, JWKD_INVALID_ARGUMENT, "exclusive mode has one live key: a key cannot be held");
    for (size_t i = 0; i < view->count; i++)
        if (key_state_live(view->keys[i].state)) *out_key = (int)i;
    if (*out_key < 0 && kid)
        return fail(error, JWKD_FAILED_PRECONDITION, "there is no live key to invalidate");
    if (*out_key >= 0 && !kid)
        return fail(error, JWKD_FAILED_PRECONDITION,
            "in exclusive mode a new key invalidates the live one: name its kid (--invalidate KID)");
    if (*out_key >= 0 && strcmp(view->keys[*out_key].kid, kid) != 0)
        return fail(
            error, JWKD_FAILED_PRECONDITION, "\"%.128s\" is not the live key of this environment", kid);
    return JWKD_OK;
}

/* `key` takes the place of the primary key, unless there is none or it is `gone`, which this plan
 * deactivates. */
static void replace_primary(
    const struct plan_view *view, int key, int gone, bool retire_old, struct plan *plan)
{
    int primary = find_primary(view);
    bool stays = primary >= 0 && primary != gone;
    if (stays) add_step(plan, KEY_DEMOTE, primary);
    add_step(plan, KEY_PROMOTE, key);
    if (stays && retire_old) add_step(plan, KEY_RETIRE, primary);
}

jwkd_status plan_publish(const struct plan_view *view, enum promote promote, bool retire_old,
    const char *invalidate_kid, struct plan *out, jwkd_error *error)
{
    if (invalidate_kid && !*invalidate_kid) invalidate_kid = NULL;
    int invalidated;
    TRY(check_invalidation(view, promote == PROMOTE_NEVER, invalidate_kid, &invalidated, error));
    struct plan plan = {.count = 0};
    add_step(&plan, KEY_PUBLISH, PLAN_NEW_KEY);
    if (invalidated >= 0) add_step(&plan, KEY_DEACTIVATE, invalidated);
    if (promote == PROMOTE_NOW || view->mode == MODE_EXCLUSIVE)
        replace_primary(view, PLAN_NEW_KEY, invalidated, retire_old, &plan);
    *out = plan;
    return JWKD_OK;
}

jwkd_status plan_promote(
    const struct plan_view *view, const char *kid, bool retire_old, struct plan *out, jwkd_error *error)
{
    int key;
    enum key_state next;
    TRY(require_key(view, kid, &key, error));
    TRY(lifecycle_next(view->keys[key].state, KEY_PROMOTE, &next, error));
    struct plan plan = {.count = 0};
    if (next != view->keys[key].state) replace_primary(view, key, -1, retire_old, &plan);
    *out = plan;
    return JWKD_OK;
}

jwkd_status plan_retire(const struct plan_view *view, const char *kid, struct plan *out, jwkd_error *error)
{
    int key;
    enum key_state next;
    TRY(require_key(view, kid, &key, error));
    TRY(lifecycle_next(view->keys[key].state, KEY_RETIRE, &next, error));
    struct plan plan = {.count = 0};
    if (!view->keys[key].retiring) add_step(&plan, KEY_RETIRE, key);
    *out = plan;
    return JWKD_OK;
}

/* The key that a rotation replaced: it began to retire in the revision that made the new key primary. */
static int find_replaced(const struct plan_view *view, uint64_t revision)
{
    for (size_t i = 0; i < view->count; i++)
        if (view->keys[i].state == KEY_ACTIVE && view->keys[i].retiring && view->keys[i].revision == revision)
            return (int)i;
    return -1;
}

jwkd_status plan_abort_rotation(
    const struct plan_view *view, const char *new_kid, struct plan *out, jwkd_error *error)
{
    int key;
    struct plan plan = {.count = 0};
    TRY(require_key(view, new_kid, &key, error));
    if (view->keys[key].state == KEY_PRIMARY) {
        int old = find_replaced(view, view->keys[key].revision);
        if (old < 0)
            return fail(error, JWKD_FAILED_PRECONDITION,
                "there is no rotation to go back on, or the old key is gone");
        add_step(&plan, KEY_DEMOTE, key);
        add_step(&plan, KEY_PROMOTE, old);
    } else if (view->keys[key].state != KEY_ACTIVE) {
        return fail(error, JWKD_FAILED_PRECONDITION,
            "the key of the rotation was deactivated: there is nothing to abort");
    }
    if (!view->keys[key].held) add_step(&plan, KEY_HOLD, key);
    *out = plan;
    return JWKD_OK;
}

/* Whether `a` is a better successor than `b`. */
static bool succeeds_before(const struct plan_key *a, const struct plan_key *b)
{
    bool a_last = a->held || a->retiring, b_last = b->held || b->retiring;
    if (a_last != b_last) return b_last;
    if (a->confirmed != b->confirmed) return a->confirmed;
    return a->born > b->born;
}

static int find_successor(const struct plan_view *view)
{
    int best = -1;
    for (size_t i = 0; i < view->count; i++) {
        if (view->keys[i].state != KEY_ACTIVE) continue;
        if (best < 0 || succeeds_before(&view->keys[i], &view->keys[best])) best = (int)i;
    }
    return best;
}

jwkd_status plan_deactivate(
    const struct plan_view *view, const char *kid, bool allow_none, struct plan *out, jwkd_error *error)
{
    int key;
    enum key_state next;
    TRY(require_key(view, kid, &key, error));
    TRY(lifecycle_next(view->keys[key].state, KEY_DEACTIVATE, &next, error));
    struct plan plan = {.count = 0};
    if (next != view->keys[key].state) {
        if (plan_live_keys(view) == 1 && !allow_none)
            return fail(error, JWKD_FAILED_PRECONDITION,
                "this is the last active key and signing would stop: generate another first, or allow none "
                "(--allow-none)");
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
