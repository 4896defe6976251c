/* What one key has signed, and how far it may go: shared by all states of the key, changed by many threads.
 *
 * A ceiling is durable before any token above it leaves (proto/DELIVERY.md E1). It moves ahead in steps, so
 * that not each signature has to ask the disk. */
#ifndef KEYRING_USAGE_H
#define KEYRING_USAGE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/cleanup.h"

/* How far a token reaches, by the wall clock and by the store's age. The age tells how long the token really
 * lives, whatever the wall clock is set to. */
struct reach {
    int64_t expiry; /* exp */
    int64_t age;    /* of the store (age.h), in seconds */
};
/* Both members only ever grow. */
struct atomic_reach {
    atomic_int_fast64_t expiry, age;
};

struct key_usage {
    atomic_uint references;
    struct atomic_reach ceiling; /* durable: no token beyond it was given out */
    struct atomic_reach last;    /* the furthest signed since the start, or the ceiling found then; 0: none */
    atomic_int_fast64_t last_used_at; /* since the start; 0: it was not used */
    atomic_uint_fast64_t tokens;      /* since the start */
    atomic_uint_fast64_t refused;     /* how often a higher ceiling could not be written */
    atomic_bool asked;                /* the writer was asked for a higher ceiling already */
    bool retires; /* the writer's alone: the snapshot shows that the key retires, so the key signs no more */
};

struct key_usage *key_usage_new(void); /* NULL when memory is short */
struct key_usage *key_usage_ref(struct key_usage *usage);
void key_usage_unref(struct key_usage *usage);
DEFINE_CLEANUP(struct key_usage *, key_usage_unref)

/* Raises *what to a value; never lowers it. */
void key_usage_raise(atomic_int_fast64_t *what, int64_t to);
void reach_raise(struct atomic_reach *what, struct reach to);
struct reach reach_read(const struct atomic_reach *reach);
struct reach reach_larger(struct reach a, struct reach b);
struct reach reach_further(struct reach reach, int64_t sec);
bool reach_within(struct reach reach, struct reach ceiling);
/* Records that a token is being made. Call it before the last look whether the key is live. */
void key_usage_signed(struct key_usage *usage, struct reach reach, int64_t now);

/* How far a ceiling is put ahead of what is needed, for tokens of this largest lifetime. */
int64_t key_usage_step(uint32_t max_token_lifetime_sec);

#endif
