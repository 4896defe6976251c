/* What a verifier judges by at one instant: an environment's keys and settings at one revision. */
#ifndef LIB_KEYS_H
#define LIB_KEYS_H

#include <stdatomic.h>

#include "jose/keyset.h"
#include "lib/judge/identity.h"

/* Texts, each its own allocation. */
struct names {
    char **items;
    size_t count;
};
bool names_contain(const struct names *names, const char *name);

/* Immutable once made, reference counted. */
struct keys {
    atomic_uint references;
    bool known; /* false: nothing was ever learned, no token can be judged */
    struct identity identity;
    char *issuer, *audience, *primary_kid; /* never NULL */
    uint32_t leeway_sec;
    struct keyset *published; /* what the service shows, and what it has deactivated */
    struct keyset *set;       /* what tokens are judged by: these, and pinned ones where withheld */
    struct names withheld;
};

/* Keys added by hand, which the service does not show. */
struct pins {
    struct jwk **keys; /* references */
    size_t count;
    bool always; /* over a plain JWKS: used whatever is listed */
};

jwkd_status keys_none(struct keys **out) MUST_CHECK;
/* From a service's snapshot, checked for its state and environment already; without pins. MALFORMED,
 * NO_MEMORY. */
jwkd_status keys_from_snapshot(
    const Jwkd__V1__JwksReply *snapshot, struct keys **out, jwkd_error *error) MUST_CHECK;
/* From a document of somebody else. `default_algs` and `out_skipped` as in keyset_from_json(). */
jwkd_status keys_from_jwks(struct bytes jwks, uint32_t default_algs, struct keys **out,
    struct skipped_keys *out_skipped, jwkd_error *error) MUST_CHECK;
/* What `old` becomes by the event that follows it exactly (proto/DELIVERY.md S3). Anything but OK: take a
 * snapshot instead. */
jwkd_status keys_after(const struct keys *old, const Jwkd__V1__Event *event, const struct pins *pins,
    struct keys **out) MUST_CHECK;
/* The same keys with other pins; or, `deleted`, of an environment that is gone: nothing but the revoked. */
jwkd_status keys_again(
    const struct keys *old, bool deleted, const struct pins *pins, struct keys **out) MUST_CHECK;

struct keys *keys_ref(struct keys *keys);
void keys_unref(struct keys *keys); /* NULL is fine */
DEFINE_CLEANUP(struct keys *, keys_unref)

#endif
