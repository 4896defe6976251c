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

static jwkd_status check_text(const char *field, const char *text, jwkd_error *error)
{
    if (environment_text_valid(text)) return JWKD_OK;
    return fail(error, JWKD_INVALID_ARGUMENT, "%s is UTF-8 without control characters", field);
}

static jwkd_status check_time(uint32_t value_sec, uint32_t most_sec, const char *words, jwkd_error *error)
{
    if (most_sec == 0 || value_sec <= most_sec) return JWKD_OK;
    return fail(error, JWKD_INVALID_ARGUMENT, "%s %u seconds", words, most_sec);
}

/* What holds for each setting by itself. */
static jwkd_status check_each(const struct environment *environment, jwkd_error *error)
{
#define CHECK_TEXT(field, most, words) TRY(check_text(#field, environment->field, error));
#define CHECK_ALGORITHM(field, most, words)
#define CHECK_NUMBER(field, most, words)
#define CHECK_TIME(field, most, words) TRY(check_time(environment->field, most, words, error));
#define CHECK_MODE(field, most, words)
#define CHECK_FLAG(field, most, words)
#define ROW(kind, id, field, most, words, ...) CHECK_##kind(field, most, words)
    SETTING_TABLE(ROW)
#undef ROW
    return JWKD_OK;
}

jwkd_status environment_validate(const struct environment *environment, jwkd_error *error)
{
    const struct environment *e = environment;
    if (!environment_name_valid(e->name))
        return fail(error, JWKD_INVALID_ARGUMENT,
            "an environment's name is 1 to %d of a-z, 0-9, '-', '_' and '.', beginning with a letter or "
            "digit",
            LIMIT_ENVIRONMENT_NAME);
    TRY(check_each(e, error));
    if (e->default_bits && alg_kty(e->default_alg) != KTY_RSA)
        return fail(error, JWKD_INVALID_ARGUMENT, "a size in bits goes with RSA only, not with %s",
            alg_name(e->default_alg));
    const struct key_type *type;
    jwkd_status status = alg_key_type(e->default_alg, e->default_bits, &type);
    if (status != JWKD_OK)
        return fail(error, JWKD_UNSUPPORTED, "%s%s is not offered here%s", alg_name(e->default_alg),
            e->default_bits ? " of this size" : "",
            e->default_bits ? ": RSA keys have 2048, 3072 or 4096 bits" : "");
    if (e->max_token_lifetime_sec == 0)
        return fail(error, JWKD_INVALID_ARGUMENT, "the largest token lifetime is 1 to %d seconds",
            LIMIT_TOKEN_LIFETIME_SEC);
    if (e->default_token_lifetime_sec == 0 || e->default_token_lifetime_sec > e->max_token_lifetime_sec)
        return fail(error, JWKD_INVALID_ARGUMENT,
            "the default token lifetime (%u s) must be at least 1 s and at most the largest (%u s)",
            e->default_token_lifetime_sec, e->max_token_lifetime_sec);
    if (e->rotate_every_sec && e->mode == MODE_EXCLUSIVE)
        return fail(error, JWKD_INVALID_ARGUMENT,
            "exclusive mode does not rotate: each new key names the one that it invalidates");
    return JWKD_OK;
}
