/* A signer over a throw-away key-encryption key, and keys to go with it. Every function fails the test that
 * calls it rather than returning an error. */
#ifndef TESTS_SIGNER_FIXTURE_H
#define TESTS_SIGNER_FIXTURE_H

#include "signer/signer.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h> /* behind our headers: it has a macro called fail */

struct fixture {
    char folder[64];
    struct seal *seal;
    struct signer *signer;
};

void fixture_open(struct fixture *fixture, size_t max_unsealed);
void fixture_close(struct fixture *fixture);

/* A sealed key and its public part. */
struct pair {
    char owner[32];
    struct buffer sealed;
    struct jwk *public;
};

void pair_clear(struct pair *pair);
/* What the signer is asked with. */
struct signer_key pair_key(const struct pair *pair);

struct pair fixture_generate(struct fixture *fixture, enum alg alg, const char *owner);
/* Imports tests/data/keys/`file`. */
struct pair fixture_import(struct fixture *fixture, const char *file, enum alg alg, const char *owner);
/* Signs with the pair and verifies with its public part. */
void fixture_check_pair(struct fixture *fixture, const struct pair *pair);
/* Whether the signer holds the key unsealed: if so, it does not need sealed bytes that open. */
bool fixture_holds(struct fixture *fixture, const struct pair *pair);

struct buffer fixture_read(const char *file);
/* What a shell command prints. */
struct buffer fixture_run(const char *command);

#endif
