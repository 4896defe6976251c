/* An immutable set of public keys with look-up by kid: what a verifier judges by, in the service and in
 * the client alike. */
#ifndef JOSE_KEYSET_H
#define JOSE_KEYSET_H

#include "jose/jwk.h"
#include "jose/kid_set.h"
#include "jose/skipped.h"

/* Immutable, reference counted, shared by any number of threads. */
struct keyset;

enum key_standing { KEY_UNKNOWN, KEY_LIVE, KEY_REVOKED };

/* Takes references to `count` keys and to `revoked` (deactivated keys, whose tokens get the verdict "key
 * deactivated"; NULL: none). INVALID_ARGUMENT when a kid appears twice. */
jwkd_status keyset_new(struct jwk *const *keys, size_t count, struct kid_set *revoked, struct keyset **out,
    jwkd_error *error) MUST_CHECK;

/* As a document of somebody else may have them: several keys may have one kid. None is revoked. */
jwkd_status keyset_sharing(
    struct jwk *const *keys, size_t count, struct keyset **out, jwkd_error *error) MUST_CHECK;

/* What one change makes of a set: another, with `key` (in the place of what has its kid), without a kid,
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

/* Zeroed: as the service's own documents are read. Keys not known here (kty, crv, alg, use, key_ops) are left
 * out, as a newer service may have them; one that is weak or broken, or a kid that appears twice, refuses the
 * document, since a state that says something else than the service is not to be judged by. */
struct keyset_rules {
    /* A document of somebody else: each entry is judged by itself, and left out where it cannot be used (RFC
     * 7517 section 5). Several keys may have one kid; identical ones count once, and no more than
     * LIMIT_KEYS_ALIKE of those that one token may be tried with. */
    bool foreign;
    uint32_t
        default_algs; /* ALG_BIT of each that an RSA key without alg may verify; 0: such a key is no use */
};
/* Reads a JWK set document (RFC 7517 section 5), at most LIMIT_JWKS bytes and LIMIT_KEYSET_KEYS keys. A
 * private key refuses it always: INVALID_ARGUMENT. `out_skipped` (may be NULL) is to be zeroed, and gets what
 * was left out; the caller clears it. */
jwkd_status keyset_from_json(struct bytes text, const struct keyset_rules *rules, struct keyset **out,
    struct skipped_keys *out_skipped, jwkd_error *error) MUST_CHECK;

struct keyset *keyset_ref(const struct keyset *keyset);
void keyset_unref(struct keyset *keyset); /* NULL is fine */
DEFINE_CLEANUP(struct keyset *, keyset_unref)

size_t keyset_count(const struct keyset *keyset);
const struct jwk *keyset_at(const struct keyset *keyset, size_t index);
/* Keys of one kid, at least one; borrowed from the set. */
struct key_run {
    struct jwk *const *keys;
    size_t count;
};
/* The standing of a kid; *out is set when it is KEY_LIVE. */
enum key_standing keyset_find_all(const struct keyset *keyset, struct bytes kid, struct key_run *out);
/* False unless all keys of the set, and there are some, have one kid. */
bool keyset_only(const struct keyset *keyset, struct key_run *out);
/* As keyset_find_all, of several keys any one. */
enum key_standing keyset_find(const struct keyset *keyset, struct bytes kid, const struct jwk **out_key);
/* {"keys":[...]} in the set's order. */
jwkd_status keyset_json(const struct keyset *keyset, struct buffer *out) MUST_CHECK;

#endif
