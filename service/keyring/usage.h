/* What one key has signed, and how far it may go: shared by all states of the key, changed by many threads.
 *
 * A ceiling is durable before any token above it leaves (delivery.md, Last expiry). It moves ahead in steps, so that the disk is
 * asked once in a while and not by each signature. */
#ifndef KEYRING_USAGE_H
#define KEYRING_USAGE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/cleanup.h"

struct key_usage {
    atomic_uint references;
    atomic_int_fast64_t ceiling;      /* durable: no exp above it was given out */
    atomic_int_fast64_t last_expiry;  /* the largest exp signed since the start, or the ceiling found then; 0: none */
    atomic_int_fast64_t last_used_at; /* since the start; 0: not */
    atomic_uint_fast64_t tokens;      /* since the start */
    atomic_uint_fast64_t refused;     /* how often a higher ceiling could not be written */
    atomic_bool asked;                /* a higher ceiling is wanted already */
    /* The writer's alone: since when it retires, by both clocks, as far as this run knows. */
    uint64_t retires_from_ns;
    int64_t retires_from_wall;
};

struct key_usage *key_usage_new(void); /* NULL when memory is short */
struct key_usage *key_usage_ref(struct key_usage *usage);
void key_usage_unref(struct key_usage *usage);
DEFINE_CLEANUP(struct key_usage *, key_usage_unref)

/* Raises to a value, never lowers. */
void key_usage_raise(atomic_int_fast64_t *what, int64_t to);
/* A token is being made. Before the key's standing is read for the last time. */
void key_usage_signed(struct key_usage *usage, int64_t expires_at, int64_t now);

/* How far ahead of what is needed a ceiling is put, for tokens of this largest lifetime. */
int64_t key_usage_step(uint32_t max_token_lifetime_sec);

#endif
