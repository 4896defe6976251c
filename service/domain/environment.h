/* An environment's settings and what makes them valid. Pure: no clock, no I/O, no lock. */
#ifndef DOMAIN_ENVIRONMENT_H
#define DOMAIN_ENVIRONMENT_H

#include "base/settings.h"
#include "jose/alg.h"

enum environment_mode { MODE_OVERLAP, MODE_EXCLUSIVE };

/* The environment's name, and one member for each row of the settings, called as the row's field, except that
 * default_algorithm is default_alg here. default_bits is 0 for a key type other than RSA. */
// clang-format off
struct environment {
    char name[LIMIT_ENVIRONMENT_NAME + 1];
#define MEMBER_TEXT(field, most) char field[(most) + 1];
#define MEMBER_ALGORITHM(field, most) enum alg default_alg;
#define MEMBER_NUMBER(field, most) uint32_t field;
#define MEMBER_TIME(field, most) uint32_t field;
#define MEMBER_MODE(field, most) enum environment_mode field;
#define MEMBER_FLAG(field, most) bool field;
#define ROW(kind, id, field, most, ...) MEMBER_##kind(field, most)
    SETTING_TABLE(ROW)
#undef ROW
#undef MEMBER_TEXT
#undef MEMBER_ALGORITHM
#undef MEMBER_NUMBER
#undef MEMBER_TIME
#undef MEMBER_MODE
#undef MEMBER_FLAG
};
// clang-format on

/* The name of an environment: a-z 0-9 - _ . , beginning with a letter or digit, at most
 * LIMIT_ENVIRONMENT_NAME. */
bool environment_name_valid(const char *name);

/* Whether a new environment must not have this name, because an address of the service over HTTP begins with
 * it. An environment that was made earlier keeps its name. */
bool environment_name_reserved(const char *name);

/* Fills the members that are zero with the defaults (jwkd.h, jwkd_environment). It takes for granted that
 * nobody set a zero on purpose. */
void environment_defaults(struct environment *environment);

/* INVALID_ARGUMENT or UNSUPPORTED, saying which setting and why. */
jwkd_status environment_validate(const struct environment *environment, jwkd_error *error) MUST_CHECK;

/* Whether a string may be an issuer or audience: UTF-8 without control characters. */
bool environment_text_valid(const char *text);

#endif
