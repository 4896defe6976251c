#include "domain/environment.h"

#include "base/utf8.h"

enum {
    DEFAULT_MAX_LIFETIME_SEC = 3600,
    DEFAULT_LIFETIME_SEC = 900,
    DEFAULT_LEEWAY_SEC = 30,
    DEFAULT_RSA_BITS = 4096,
};

static bool name_begin_valid(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

bool environment_name_valid(const char *name)
{
    size_t length = strlen(name);
    if (length == 0 || length > LIMIT_ENVIRONMENT_NAME || !name_begin_valid(name[0])) return false;
    for (const char *c = name; *c; c++)
        if (!name_begin_valid(*c) && *c != '-' && *c != '_' && *c != '.') return false;
    return true;
}

bool environment_name_reserved(const char *name)
{
    static const char *const RESERVED[] = {
        "api", "console", "metrics", "healthz", "readyz", "openapi.json", "static", "follow"};
    for (size_t i = 0; i < sizeof RESERVED / sizeof *RESERVED; i++)
        if (strcmp(name, RESERVED[i]) == 0) return true;
    return false;
}

bool environment_text_valid(const char *text)
{
    const uint8_t *c = (const uint8_t *)text, *end = c + strlen(text);
    while (c < end) {
        size_t size = utf8_size(c, (size_t)(end - c));
        if (size == 0 || *c < 0x20 || *c == 0x7f) return false;
        c += size;
    }
    return true;
}

void environment_defaults(struct environment *environment)
{
    struct environment *e = environment;
    if (e->default_alg == ALG_NONE) e->default_alg = ALG_RS256;
    if (alg_kty(e->default_alg) == KTY_RSA && e->default_bits == 0) e->default_bits = DEFAULT_RSA_BITS;
    if (e->max_token_lifetime_sec == 0) e->max_token_lifetime_sec = DEFAULT_MAX_LIFETIME_SEC;
    if (e->default_token_lifetime_sec == 0)
        e->default_token_lifetime_sec = e->max_token_lifetime_sec < DEFAULT_LIFETIME_SEC
                                            ? e->max_token_lifetime_sec
                                            : (uint32_t)DEFAULT_LIFETIME_SEC;
    if (e->leeway_sec == 0) e->leeway_sec = DEFAULT_LEEWAY_SEC;
}

jwkd_status environment_validate(const struct environment *environment, jwkd_error *error)
{
    const struct environment *e = environment;
    if (!environment_name_valid(e->name))
        return fail(error, JWKD_INVALID_ARGUMENT,
            "an environment's name is 1 to %d of a-z, 0-9, '-', '_' and '.', beginning with a letter or "
            "digit",
            LIMIT_ENVIRONMENT_NAME);
    if (!environment_text_valid(e->issuer) || !environment_text_valid(e->default_audience))
        return fail(error, JWKD_INVALID_ARGUMENT, "issuer and audience are UTF-8 without control characters");
    if (e->default_bits && alg_kty(e->default_alg) != KTY_RSA)
        return fail(error, JWKD_INVALID_ARGUMENT, "a size in bits goes with RSA only, not with %s",
            alg_name(e->default_alg));
    const struct key_type *type;
    jwkd_status status = alg_key_type(e->default_alg, e->default_bits, &type);
    if (status != JWKD_OK)
        return fail(error, JWKD_UNSUPPORTED, "%s%s is not offered here%s", alg_name(e->default_alg),
            e->default_bits ? " of this size" : "",
            e->default_bits ? ": RSA keys have 2048, 3072 or 4096 bits" : "");
    if (e->max_token_lifetime_sec == 0 || e->max_token_lifetime_sec > LIMIT_TOKEN_LIFETIME_SEC)
        return fail(error, JWKD_INVALID_ARGUMENT, "the largest token lifetime is 1 to %d seconds",
            LIMIT_TOKEN_LIFETIME_SEC);
    if (e->default_token_lifetime_sec == 0 || e->default_token_lifetime_sec > e->max_token_lifetime_sec)
        return fail(error, JWKD_INVALID_ARGUMENT,
            "the default token lifetime (%u s) must be at least 1 s and at most the largest (%u s)",
            e->default_token_lifetime_sec, e->max_token_lifetime_sec);
    if (e->jwks_max_age_sec > LIMIT_JWKS_MAX_AGE_SEC)
        return fail(error, JWKD_INVALID_ARGUMENT, "a JWKS may be kept for at most %d seconds",
            LIMIT_JWKS_MAX_AGE_SEC);
    if (e->rotate_every_sec && e->rotate_every_sec < LIMIT_ROTATE_EVERY_MIN_SEC)
        return fail(error, JWKD_INVALID_ARGUMENT, "keys rotate by schedule every %d seconds at most",
            LIMIT_ROTATE_EVERY_MIN_SEC);
    if (e->rotate_every_sec > LIMIT_ROTATE_EVERY_SEC)
        return fail(error, JWKD_INVALID_ARGUMENT, "keys rotate by schedule every %d seconds at least",
            LIMIT_ROTATE_EVERY_SEC);
    if (e->rotate_every_sec && e->mode == MODE_EXCLUSIVE)
        return fail(error, JWKD_INVALID_ARGUMENT,
            "exclusive mode does not rotate: each new key names the one that it invalidates");
    if (e->leeway_sec > LIMIT_LEEWAY_SEC)
        return fail(error, JWKD_INVALID_ARGUMENT, "the leeway is at most %d seconds", LIMIT_LEEWAY_SEC);
    return JWKD_OK;
}
