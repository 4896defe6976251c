/* An immutable set of public keys with look-up by kid: what a verifier judges by, in the service and in
 * the client alike. */
#ifndef JOSE_KEYSET_H
#define JOSE_KEYSET_H

#include "jose/jwk.h"
#include "jose/kid_set.h"

/* Immutable, reference counted, shared by any number of threads. */
struct keyset;

enum key_standing { KEY_UNKNOWN, KEY_LIVE, KEY_REVOKED };

/* Takes references to `count` keys and to `revoked` (deactivated keys, whose tokens get the verdict "key
 * deactivated"; NULL: none). INVALID_ARGUMENT when a kid appears twice. */
jwkd_status keyset_new(struct jwk *const *keys, size_t count, struct kid_set *revoked, struct keyset **out,
    jwkd_error *error) MUST_CHECK;

/* What one change makes of a set: another, with `key` (in the place of one that has its kid), without a kid,
 * without a kid that is revoked from now on. Neither sorts nor searches what was in order before.
 * INVALID_ARGUMENT for a key whose kid is revoked; RESOURCE_EXHAUSTED beyond LIMIT_KEYSET_KEYS keys, or as
 * many that are revoked. */
jwkd_status keyset_with(const struct keyset *set, const struct jwk *key, struct keyset **out) MUST_CHECK;
jwkd_status keyset_without(const struct keyset *set, struct bytes kid, struct keyset **out) MUST_CHECK;
jwkd_status keyset_revoking(const struct keyset *set, struct bytes kid, struct keyset **out) MUST_CHECK;
/* With `count` keys more, whose kids it does not have yet; INVALID_ARGUMENT otherwise. */
jwkd_status keyset_joined(
    const struct keyset *set, struct jwk *const *keys, size_t count, struct keyset **out) MUST_CHECK;
/* The keys of the set that `revoked` does not name, which is all that is revoked now. */
jwkd_status keyset_under(const struct keyset *set, struct kid_set *revoked, struct keyset **out) MUST_CHECK;
/* None of its keys; what was revoked is. */
jwkd_status keyset_emptied(const struct keyset *set, struct keyset **out) MUST_CHECK;

struct keyset_rules {
    enum alg default_alg; /* for RSA keys without alg; RS256 is what product says */
    bool skip_unusable;   /* leave out keys of unknown kty/crv/alg or use "enc" (RFC 7517 section 5)
                             instead of refusing the document; weak and broken keys are refused always */
};
/* Reads a JWK set document (RFC 7517 section 5), at most LIMIT_JWKS bytes and LIMIT_KEYSET_KEYS keys. */
jwkd_status keyset_from_json(
    struct bytes text, const struct keyset_rules *rules, struct keyset **out, jwkd_error *error) MUST_CHECK;

struct keyset *keyset_ref(const struct keyset *keyset);
void keyset_unref(struct keyset *keyset); /* NULL is fine */
DEFINE_CLEANUP(struct keyset *, keyset_unref)

size_t keyset_count(const struct keyset *keyset);
const struct jwk *keyset_at(const struct keyset *keyset, size_t index);
/* The standing of a kid; *out_key is set (borrowed from the set) when it is KEY_LIVE. */
enum key_standing keyset_find(const struct keyset *keyset, struct bytes kid, const struct jwk **out_key);
/* {"keys":[...]} in the set's order. */
jwkd_status keyset_json(const struct keyset *keyset, struct buffer *out) MUST_CHECK;

#endif
