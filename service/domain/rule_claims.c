/* Reading what a rule says of single claims. */
#include <stdio.h>

#include "domain/rule_parts.h"

/* ---- what is set */

/* Whether a brace is in any text of the value, names of members included. */
static bool has_brace(const struct json *json, int node)
{
    for (int i = node; i < json_next(json, node); i++) {
        struct bytes text = json_string(json, i);
        if (text.size && (memchr(text.data, '{', text.size) || memchr(text.data, '}', text.size)))
            return true;
    }
    return false;
}

/* Nobody looks again at what is added: iss, sub and aud are what RFC 7519 section 4.1 has them be. */
static jwkd_status check_set(
    const struct json *json, struct rule_claim *claim, struct rule_place place, jwkd_error *error)
{
    claim->is_principal = bytes_equal_text(json_string(json, claim->value), "{principal}");
    if (!claim->is_principal && has_brace(json, claim->value))
        return rule_refuse(place, "the only text with braces is \"{principal}\", by itself", error);
    if (json_is(json, claim->value, JSON_STRING)) return JWKD_OK;
    if (bytes_equal_text(claim->name, "iss") || bytes_equal_text(claim->name, "sub"))
        return rule_refuse(place, "this claim is a text", error);
    if (bytes_equal_text(claim->name, "aud"))
        return rule_check_list(json, claim->value, &RULE_AUDIENCES, place, error);
    return JWKD_OK;
}

/* ---- claims */

#define ALLOWS(kind) (1U << (kind))

/* Claims that the service makes or bounds by itself: which operators a token could meet. */
static const struct {
    const char *name;
    unsigned operators;
    const char *why;
} REGISTERED[] = {
    {"exp", ALLOWS(RULE_EQUALS), "every token has this claim, a number: only equals goes with it"},
    {"iat", ALLOWS(RULE_EQUALS), "every token has this claim, a number: only equals goes with it"},
    {"nbf", ALLOWS(RULE_EQUALS) | ALLOWS(RULE_ABSENT),
        "this claim is a number, each token's own: only equals and absent go with it"},
    {"jti", ~(ALLOWS(RULE_SET) | ALLOWS(RULE_ABSENT)),
        "every token has this claim, its own: neither set nor absent goes with it"},
};

static jwkd_status check_registered(
    const struct rule_claim *claim, struct rule_place place, jwkd_error *error)
{
    for (size_t i = 0; i < sizeof REGISTERED / sizeof *REGISTERED; i++)
        if (bytes_equal_text(claim->name, REGISTERED[i].name) &&
            !(REGISTERED[i].operators & ALLOWS(claim->kind)))
            return rule_refuse(place, REGISTERED[i].why, error);
    return JWKD_OK;
}

static jwkd_status check_value(
    const struct json *json, struct rule_claim *claim, struct rule_place place, jwkd_error *error)
{
    switch (claim->kind) {
    case RULE_EQUALS:
        return JWKD_OK;
    case RULE_ONE_OF:
        return rule_check_list(json, claim->value, &RULE_TEXTS, place, error);
    case RULE_PREFIX:
        return json_is(json, claim->value, JSON_STRING) ? JWKD_OK : rule_refuse(place, "it is a text", error);
    case RULE_WORDS_OF:
        return rule_check_list(json, claim->value, &RULE_WORDS, place, error);
    case RULE_ABSENT:
        return json_is(json, claim->value, JSON_TRUE) ? JWKD_OK
                                                      : rule_refuse(place, "it is true, or left out", error);
    case RULE_SET:
        return check_set(json, claim, place, error);
    }
    return JWKD_INTERNAL;
}

static bool find_operator(struct bytes name, enum rule_operator *out)
{
    for (int i = 0; i < RULE_OPERATORS; i++)
        if (bytes_equal_text(name, rule_operator_name((enum rule_operator)i))) {
            *out = (enum rule_operator)i;
            return true;
        }
    return false;
}

#define OPERATORS "equals, one_of, prefix, words_of, absent or set"

/* One member of a claim: the operator, or "optional". */
static jwkd_status read_member(
    const struct json *json, int name, struct rule_claim *claim, struct rule_place place, jwkd_error *error)
{
    enum rule_operator kind;
    const int value = name + 1;
    if (bytes_equal_text(json_string(json, name), "optional")) {
        claim->optional = json_is(json, value, JSON_TRUE);
        if (claim->optional || json_is(json, value, JSON_FALSE)) return JWKD_OK;
        return rule_refuse(place, "optional is true or false", error);
    }
    if (!find_operator(json_string(json, name), &kind))
        return fail(error, JWKD_INVALID_ARGUMENT,
            "rule: %s: \"%s\" is unknown; there are " OPERATORS ", and optional", place.text,
            rule_show(json_string(json, name)).text);
    if (claim->value != JSON_NONE)
        return fail(error, JWKD_INVALID_ARGUMENT, "rule: %s has one operator, and not both %s and %s",
            place.text, rule_operator_name(claim->kind), rule_operator_name(kind));
    claim->kind = kind;
    claim->value = value;
    return JWKD_OK;
}

static jwkd_status read_claim(const struct json *json, int name, struct rule_claim *out, jwkd_error *error)
{
    const int object = name + 1;
    struct rule_place place;
    *out = (struct rule_claim){.name = json_string(json, name), .value = JSON_NONE};
    const struct rule_shown shown = rule_show(out->name);
    snprintf(place.text, sizeof place.text, "claims.%s", shown.text);
    if (!json_is(json, object, JSON_OBJECT))
        return rule_refuse(place, "it is an object with an operator: " OPERATORS, error);
    int member = json_first(json, object);
    for (uint32_t left = json->nodes[object].children; left > 0; left--) {
        TRY(read_member(json, member, out, place, error));
        member = json_next(json, member + 1);
    }
    if (out->value == JSON_NONE) return rule_refuse(place, "it needs an operator: " OPERATORS, error);
    snprintf(place.text, sizeof place.text, "claims.%s.%s", shown.text, rule_operator_name(out->kind));
    if (out->optional && (out->kind == RULE_ABSENT || out->kind == RULE_SET))
        return rule_refuse(place, "optional does not go with it", error);
    TRY(check_registered(out, place, error));
    return check_value(json, out, place, error);
}

jwkd_status rule_read_claims(struct rule *rule, int node, struct rule_place place, jwkd_error *error)
{
    const struct json *json = &rule->json;
    if (!json_is(json, node, JSON_OBJECT))
        return rule_refuse(place, "it is an object: each member a claim, with an operator", error);
    uint32_t count = json->nodes[node].children;
    if (count > LIMIT_RULE_CLAIMS)
        return fail(error, JWKD_INVALID_ARGUMENT, "rule: claims: at most %d, and these are %u",
            LIMIT_RULE_CLAIMS, (unsigned)count);
    rule->claims = calloc(count ? count : 1, sizeof *rule->claims);
    if (!rule->claims) return fail(error, JWKD_NO_MEMORY, "out of memory");
    int name = json_first(json, node);
    for (; rule->claim_count < count; rule->claim_count++) {
        TRY(read_claim(json, name, &rule->claims[rule->claim_count], error));
        name = json_next(json, name + 1);
    }
    return JWKD_OK;
}
