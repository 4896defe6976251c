/* An environment's settings and what makes them valid. Pure: no clock, no I/O, no lock. */
#ifndef DOMAIN_ENVIRONMENT_H
#define DOMAIN_ENVIRONMENT_H

#include "base/limits.h"
#include "jose/alg.h"

enum environment_mode { MODE_OVERLAP, MODE_EXCLUSIVE };

struct environment {
    char name[LIMIT_ENVIRONMENT_NAME + 1];
    char issuer[LIMIT_ISSUER + 1];
    char default_audience[LIMIT_AUDIENCE + 1];
    enum alg default_alg;
    uint32_t default_bits; /* RSA only, else 0 */
    uint32_t max_token_lifetime_sec;
    uint32_t default_token_lifetime_sec;
    uint32_t leeway_sec;
    enum environment_mode mode;
    bool show_once;
    uint32_t rotate_every_sec; /* 0: never by itself */
    uint32_t jwks_max_age_sec; /* how long readers of the JWKS over HTTP may keep it; 0: there are none */
};

/* The name of an environment: a-z 0-9 - _ . , beginning with a letter or digit, at most
 * LIMIT_ENVIRONMENT_NAME. */
bool environment_name_valid(const char *name);

/* Whether an environment that is made must not be called so: an address of the service over HTTP begins like
 * it. One that was made earlier keeps its name. */
bool environment_name_reserved(const char *name);

/* Fills what was left at zero with the defaults (jwkd.h, jwkd_environment), given that it was not set on
 * purpose. */
void environment_defaults(struct environment *environment);

/* INVALID_ARGUMENT or UNSUPPORTED, saying which setting and why. */
jwkd_status environment_validate(const struct environment *environment, jwkd_error *error) MUST_CHECK;

/* Whether a string may be an issuer or audience: UTF-8 without control characters. */
bool environment_text_valid(const char *text);

#endif
