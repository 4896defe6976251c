#include "lib/judge/keys.h"

#include <stdlib.h>

/* ---- names */

static int names_find(const struct names *names, const char *name)
{
    for (size_t i = 0; i < names->count; i++)
        if (strcmp(names->items[i], name) == 0) return (int)i;
    return -1;
}

bool names_contain(const struct names *names, const char *name)
{
    return names_find(names, name) >= 0;
}

static jwkd_status names_add(struct names *names, const char *name)
{
    if (names_contain(names, name)) return JWKD_OK;
    if (names->count >= LIMIT_KEYSET_KEYS) return JWKD_RESOURCE_EXHAUSTED;
    char **grown = realloc(names->items, (names->count + 1) * sizeof *grown);
    if (!grown) return JWKD_NO_MEMORY;
    names->items = grown;
    char *copy = strdup(name);
    if (!copy) return JWKD_NO_MEMORY;
    grown[names->count++] = copy;
    return JWKD_OK;
}

/* They are distinct already: no search. */
static jwkd_status names_copy(const struct names *from, struct names *to)
{
    if (from->count == 0) return JWKD_OK;
    to->items = calloc(from->count, sizeof *to->items);
    if (!to->items) return JWKD_NO_MEMORY;
    for (; to->count < from->count; to->count++)
        if (!(to->items[to->count] = strdup(from->items[to->count]))) return JWKD_NO_MEMORY;
    return JWKD_OK;
}

static void names_remove(struct names *names, const char *name)
{
    int at = names_find(names, name);
    if (at < 0) return;
    free(names->items[at]);
    names->items[at] = names->items[--names->count];
}

static void names_clear(struct names *names)
{
    for (size_t i = 0; i < names->count; i++)
        free(names->items[i]);
    free(names->items);
    *names = (struct names){0};
}

/* ---- making; until finished, a struct keys belongs to one thread and may be changed */

static jwkd_status set_text(char **text, const char *value)
{
    char *copy = strdup(value);
    if (!copy) return JWKD_NO_MEMORY;
    free(*text);
    *text = copy;
    return JWKD_OK;
}

/* Takes the reference over. */
static void set_published(struct keys *keys, struct keyset *published)
{
    keyset_unref(keys->published);
    keys->published = published;
}

static struct keys *keys_alloc(void)
{
    struct keys *keys = calloc(1, sizeof *keys);
    if (keys) atomic_init(&keys->references, 1);
    return keys;
}

/* As that of an environment of which nothing is known. */
static jwkd_status start(struct keyset *published, struct keys **out)
{
    CLEANUP(keys_unref_at) struct keys *keys = keys_alloc();
    if (!keys) return JWKD_NO_MEMORY;
    keys->published = keyset_ref(published);
    TRY(set_text(&keys->issuer, ""));
    TRY(set_text(&keys->audience, ""));
    TRY(set_text(&keys->primary_kid, ""));
    *out = TAKE(keys);
    return JWKD_OK;
}

static jwkd_status copy(const struct keys *old, struct keys **out)
{
    CLEANUP(keys_unref_at) struct keys *keys = keys_alloc();
    if (!keys) return JWKD_NO_MEMORY;
    keys->known = old->known;
    keys->identity = old->identity;
    keys->leeway_sec = old->leeway_sec;
    keys->published = keyset_ref(old->published);
    TRY(set_text(&keys->issuer, old->issuer));
    TRY(set_text(&keys->audience, old->audience));
    TRY(set_text(&keys->primary_kid, old->primary_kid));
    TRY(names_copy(&old->withheld, &keys->withheld));
    *out = TAKE(keys);
    return JWKD_OK;
}

static jwkd_status take_settings(struct keys *keys, const Jwkd__V1__Environment *environment)
{
    TRY(set_text(&keys->issuer, environment->issuer));
    TRY(set_text(&keys->audience, environment->default_audience));
    keys->leeway_sec =
        environment->leeway_sec < LIMIT_LEEWAY_SEC ? environment->leeway_sec : LIMIT_LEEWAY_SEC;
    return JWKD_OK;
}

static bool pin_counts(const struct keys *keys, const struct pins *pins, const char *kid)
{
    const struct jwk *shown;
    if (keyset_find(keys->published, bytes_of_text(kid), &shown) == KEY_LIVE) return false;
    return pins->always || names_contain(&keys->withheld, kid);
}

/* Makes the set to judge by from all the rest. */
static jwkd_status finish(struct keys *keys, const struct pins *pins)
{
    size_t count = 0;
    CLEANUP(free_at) struct jwk **counting = malloc((pins->count + 1) * sizeof(struct jwk *));
    struct keyset *set = NULL;
    if (!counting) return JWKD_NO_MEMORY;
    for (size_t i = 0; i < pins->count; i++)
        if (pin_counts(keys, pins, jwk_kid(pins->keys[i]))) counting[count++] = pins->keys[i];
    if (count > 0)
        TRY(keyset_joined(keys->published, counting, count, &set));
    else
        set = keyset_ref(keys->published);
    keyset_unref(keys->set);
    keys->set = set;
    return JWKD_OK;
}

/* ---- where they come from */

static const struct pins NO_PINS = {0};

jwkd_status keys_none(struct keys **out)
{
    CLEANUP(keyset_unref_at) struct keyset *empty = NULL;
    CLEANUP(keys_unref_at) struct keys *keys = NULL;
    TRY(keyset_new(NULL, 0, NULL, &empty, NULL));
    TRY(start(empty, &keys));
    TRY(finish(keys, &NO_PINS));
    *out = TAKE(keys);
    return JWKD_OK;
}

static jwkd_status read_document(struct bytes jwks, const struct keyset_rules *rules, struct keys **out,
    struct skipped_keys *out_skipped, jwkd_error *error)
{
    CLEANUP(keyset_unref_at) struct keyset *document = NULL;
    TRY(keyset_from_json(jwks, rules, &document, out_skipped, error));
    return start(document, out) == JWKD_OK ? JWKD_OK : fail(error, JWKD_NO_MEMORY, "out of memory");
}

/* Whatever the document shows: what is named here is no key any more. */
static jwkd_status take_deactivated(struct keys *keys, char *const *kids, size_t count)
{
    if (count == 0) return JWKD_OK;
    CLEANUP(free_at) struct bytes *all = malloc(count * sizeof *all);
    CLEANUP(kid_set_unref_at) struct kid_set *revoked = NULL;
    struct keyset *left;
    if (!all) return JWKD_NO_MEMORY;
    for (size_t i = 0; i < count; i++) {
        names_remove(&keys->withheld, kids[i]);
        all[i] = bytes_of_text(kids[i]);
    }
    TRY(kid_set_new(all, count, &revoked));
    TRY(keyset_under(keys->published, revoked, &left));
    set_published(keys, left);
    return JWKD_OK;
}

static jwkd_status take_snapshot(struct keys *keys, const Jwkd__V1__JwksReply *snapshot)
{
    TRY(set_text(&keys->primary_kid, snapshot->primary_kid));
    TRY(take_settings(keys, snapshot->environment));
    for (size_t i = 0; i < snapshot->n_withheld; i++)
        TRY(names_add(&keys->withheld, snapshot->withheld[i]));
    TRY(take_deactivated(keys, snapshot->deactivated, snapshot->n_deactivated));
    return finish(keys, &NO_PINS);
}

jwkd_status keys_from_snapshot(const Jwkd__V1__JwksReply *snapshot, struct keys **out, jwkd_error *error)
{
    CLEANUP(keys_unref_at) struct keys *keys = NULL;
    struct identity identity;
    if (!identity_read(snapshot->state, &identity))
        return fail(error, JWKD_MALFORMED, "the service's snapshot lacks its state");
    TRY(read_document(wire_view(snapshot->jwks), &(struct keyset_rules){0}, &keys, NULL, error));
    jwkd_status status = take_snapshot(keys, snapshot);
    if (status != JWKD_OK) return fail(error, status, "the service's snapshot cannot be used");
    keys->identity = identity;
    keys->known = true;
    *out = TAKE(keys);
    return JWKD_OK;
}

jwkd_status keys_from_jwks(struct bytes jwks, uint32_t default_algs, struct keys **out,
    struct skipped_keys *out_skipped, jwkd_error *error)
{
    const struct keyset_rules rules = {.foreign = true, .default_algs = default_algs};
    CLEANUP(keys_unref_at) struct keys *keys = NULL;
    TRY(read_document(jwks, &rules, &keys, out_skipped, error));
    jwkd_status status = finish(keys, &NO_PINS);
    if (status != JWKD_OK) return fail(error, status, "%s", jwkd_status_text(status));
    keys->known = true;
    *out = TAKE(keys);
    return JWKD_OK;
}

/* ---- what events make of them */

static jwkd_status withdraw(struct keys *keys, const char *kid)
{
    struct keyset *left;
    TRY(keyset_without(keys->published, bytes_of_text(kid), &left));
    set_published(keys, left);
    return JWKD_OK;
}

static jwkd_status withdraw_all(struct keys *keys)
{
    struct keyset *none;
    TRY(keyset_emptied(keys->published, &none));
    set_published(keys, none);
    names_clear(&keys->withheld);
    return JWKD_OK;
}

/* Beyond the limit it is refused, and a snapshot taken: that names only those whose tokens could still be
 * about. */
static jwkd_status take_away(struct keys *keys, const char *kid)
{
    struct keyset *left;
    TRY(keyset_revoking(keys->published, bytes_of_text(kid), &left));
    set_published(keys, left);
    names_remove(&keys->withheld, kid);
    return JWKD_OK;
}

static jwkd_status show(struct keys *keys, const struct jwk *jwk)
{
    struct keyset *more;
    TRY(keyset_with(keys->published, jwk, &more));
    set_published(keys, more);
    return JWKD_OK;
}

static jwkd_status apply_published(struct keys *keys, const Jwkd__V1__Key *key)
{
    static const struct jwk_rules RULES = {.default_alg = ALG_NONE, .require_kid = true, .taken_in = true};
    CLEANUP(jwk_unref_at) struct jwk *jwk = NULL;
    const struct jwk *known;
    if (keyset_find(keys->published, bytes_of_text(key->kid), &known) == KEY_REVOKED)
        return JWKD_MALFORMED; /* that is for good: proto/DELIVERY.md D7 */
    if (key->public_jwk.len == 0) {
        TRY(withdraw(keys, key->kid));
        return names_add(&keys->withheld, key->kid);
    }
    names_remove(&keys->withheld, key->kid);
    jwkd_status status = jwk_from_json(wire_view(key->public_jwk), &RULES, &jwk, NULL);
    if (status == JWKD_UNSUPPORTED) return withdraw(keys, key->kid); /* as in a snapshot: left out */
    TRY(status);
    if (strcmp(jwk_kid(jwk), key->kid) != 0) return JWKD_MALFORMED;
    return show(keys, jwk);
}

static jwkd_status apply(struct keys *keys, const Jwkd__V1__Change *change)
{
    switch (change->kind) {
    case JWKD__V1__CHANGE__KIND__ENVIRONMENT_CREATED:
    case JWKD__V1__CHANGE__KIND__ENVIRONMENT_UPDATED:
        return take_settings(keys, change->environment);
    case JWKD__V1__CHANGE__KIND__ENVIRONMENT_DELETED:
        return withdraw_all(keys);
    case JWKD__V1__CHANGE__KIND__KEY_PUBLISHED:
        return apply_published(keys, change->key);
    case JWKD__V1__CHANGE__KIND__KEY_PROMOTED: /* the event names the primary key */
    case JWKD__V1__CHANGE__KIND__KEY_CHANGED:
        return JWKD_OK;
    case JWKD__V1__CHANGE__KIND__KEY_DEACTIVATED:
    case JWKD__V1__CHANGE__KIND__KEY_DESTROYED:
        return take_away(keys, change->key->kid);
    case JWKD__V1__CHANGE__KIND__NONE:
    case _JWKD__V1__CHANGE__KIND_IS_INT_SIZE:
        break;
    }
    return JWKD_UNSUPPORTED;
}

jwkd_status keys_after(
    const struct keys *old, const Jwkd__V1__Event *event, const struct pins *pins, struct keys **out)
{
    CLEANUP(keys_unref_at) struct keys *keys = NULL;
    TRY(copy(old, &keys));
    for (size_t i = 0; i < event->n_changes; i++)
        TRY(apply(keys, event->changes[i]));
    TRY(set_text(&keys->primary_kid, event->primary_kid));
    if (!identity_read(event->state, &keys->identity)) return JWKD_MALFORMED;
    TRY(finish(keys, pins));
    *out = TAKE(keys);
    return JWKD_OK;
}

jwkd_status keys_again(const struct keys *old, bool deleted, const struct pins *pins, struct keys **out)
{
    CLEANUP(keys_unref_at) struct keys *keys = NULL;
    TRY(copy(old, &keys));
    if (deleted) {
        TRY(withdraw_all(keys));
        keys->known = true; /* that there are none is known */
        TRY(set_text(&keys->primary_kid, ""));
    }
    TRY(finish(keys, pins));
    *out = TAKE(keys);
    return JWKD_OK;
}

/* ---- references */

struct keys *keys_ref(struct keys *keys)
{
    atomic_fetch_add_explicit(&keys->references, 1, memory_order_relaxed);
    return keys;
}

void keys_unref(struct keys *keys)
{
    if (!keys || atomic_fetch_sub_explicit(&keys->references, 1, memory_order_acq_rel) != 1) return;
    names_clear(&keys->withheld);
    keyset_unref(keys->published);
    keyset_unref(keys->set);
    free(keys->issuer);
    free(keys->audience);
    free(keys->primary_kid);
    free(keys);
}
