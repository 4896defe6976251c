#include "access/principal.h"

#include "base/limits.h"
#include "domain/environment.h"

static const char PRINCIPAL_SEPARATORS[] = "/:", ENVIRONMENT_SEPARATORS[] = "-_.";

/* What a principal may begin with, and what of it is left for its name. */
static const char *const KINDS[] = {"uid:", "account:", "spiffe://", "dns:", "jwt:"};

static bool ends_in_star(const char *text)
{
    size_t size = strlen(text);
    return size > 0 && text[size - 1] == '*';
}

static jwkd_status check_characters(const char *principal, jwkd_error *error)
{
    if (strlen(principal) > LIMIT_PRINCIPAL)
        return fail(error, JWKD_INVALID_ARGUMENT, "a principal has at most %d characters", LIMIT_PRINCIPAL);
    for (const char *c = principal; *c; c++) {
        if (*c <= ' ' || *c > '~')
            return fail(error, JWKD_INVALID_ARGUMENT,
                "a principal has visible ASCII characters only; others are written as %%XX");
        if (*c == '*' && c[1])
            return fail(error, JWKD_INVALID_ARGUMENT, "\"*\" stands at the end of a principal, if anywhere");
    }
    return JWKD_OK;
}

static jwkd_status check_star(const char *principal, jwkd_error *error)
{
    size_t size = strlen(principal);
    if (!ends_in_star(principal)) return JWKD_OK;
    if (size >= 2 && strchr(PRINCIPAL_SEPARATORS, principal[size - 2])) return JWKD_OK;
    return fail(error, JWKD_INVALID_ARGUMENT,
        "\"*\" must stand behind \":\" or \"/\", as in \"uid:*\" or \"spiffe://prod/*\": \"%.100s\" would "
        "match "
        "names that only begin alike",
        principal);
}

static bool is_number(const char *text)
{
    return strspn(text, "0123456789") == strlen(text) && (text[0] != '0' || !text[1]);
}

jwkd_status principal_check(const char *principal, jwkd_error *error)
{
    TRY(check_characters(principal, error));
    TRY(check_star(principal, error));
    for (size_t i = 0; i < sizeof KINDS / sizeof *KINDS; i++) {
        size_t size = strlen(KINDS[i]);
        const char *name = principal + size;
        if (strncmp(principal, KINDS[i], size) != 0 || !*name) continue;
        if (i == 0 && !ends_in_star(principal) && !is_number(name)) break;
        return JWKD_OK;
    }
    return fail(error, JWKD_INVALID_ARGUMENT,
        "\"%.60s\" is no principal that something can be granted to: those are uid:NUMBER, account:NAME, "
        "spiffe://DOMAIN/PATH and dns:NAME",
        principal);
}

jwkd_status environment_pattern_check(const char *pattern, jwkd_error *error)
{
    char name[LIMIT_ENVIRONMENT_NAME + 1];
    size_t size = strlen(pattern);
    bool star = ends_in_star(pattern);
    if (star && size == 1) return JWKD_OK;
    if (star && !strchr(ENVIRONMENT_SEPARATORS, pattern[size - 2]))
        return fail(error, JWKD_INVALID_ARGUMENT,
            "\"*\" stands alone, or behind \"-\", \"_\" or \".\": \"%.63s\" would match names that only "
            "begin alike",
            pattern);
    size -= star;
    if (size > 0 && size <= LIMIT_ENVIRONMENT_NAME) {
        memcpy(name, pattern, size);
        name[size] = '\0';
        if (environment_name_valid(name)) return JWKD_OK;
    }
    return fail(error, JWKD_INVALID_ARGUMENT,
        "\"%.70s\" is no environment: give its name, or \"*\", or what several begin with, as in "
        "\"tenant-*\"",
        pattern);
}

/* ---- the patterns that match a text */

void patterns_of_principal(struct patterns *patterns, const char *principal)
{
    *patterns = (struct patterns){.rest = bytes_of_text(principal), .separators = PRINCIPAL_SEPARATORS};
}

void patterns_of_environment(struct patterns *patterns, const char *name)
{
    *patterns = (struct patterns){
        .rest = bytes_of_text(name), .separators = ENVIRONMENT_SEPARATORS, .ends_empty = true};
}

bool patterns_next(struct patterns *patterns, struct bytes *out_prefix, bool *out_exact)
{
    struct bytes *rest = &patterns->rest;
    *out_exact = !patterns->begun;
    if (!patterns->begun) {
        patterns->begun = true;
        *out_prefix = *rest;
        return true;
    }
    for (; rest->size > 0; rest->size--) {
        if (!strchr(patterns->separators, rest->data[rest->size - 1])) continue;
        *out_prefix = bytes_of(rest->data, rest->size--);
        return true;
    }
    if (!patterns->ends_empty) return false;
    patterns->ends_empty = false;
    *out_prefix = bytes_of(rest->data, 0);
    return true;
}
