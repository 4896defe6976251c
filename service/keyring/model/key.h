/* A key in memory: immutable, reference-counted states of it. */
#ifndef KEYRING_MODEL_KEY_H
#define KEYRING_MODEL_KEY_H

#include <stdatomic.h>

#include "base/cleanup.h"
#include "domain/plan.h"
#include "jose/jwk.h"
#include "keyring/model/usage.h"

/* One key as it stood at some revision. Immutable. */
struct ring_key {
    atomic_uint references;
    struct jwk *jwk;
    enum key_state state; /* never KEY_PRIMARY: the environment names its primary key */
    int64_t created_at, deactivated_at, destroyed_at;
    uint64_t revision; /* the environment's, when the key last changed */
    uint64_t born;     /* the environment's, when the key was published */
    bool imported, held;
    uint32_t jwks_wait_sec;  /* from its deactivation on, readers of the JWKS may accept it for so long */
    int64_t retiring_since;  /* 0: it does not retire */
    struct buffer sealed;    /* empty once destroyed */
    struct key_usage *usage; /* what it has signed; shared by all states of the key, and does change */
};

struct ring_key *ring_key_new(void); /* NULL when memory is short */
struct ring_key *ring_key_ref(struct ring_key *key);
void ring_key_unref(struct ring_key *key);
DEFINE_CLEANUP(struct ring_key *, ring_key_unref)
/* Makes a copy that may be changed, with one reference. It shares the JWK. */
jwkd_status ring_key_copy(const struct ring_key *key, struct ring_key **out) MUST_CHECK;

#endif
