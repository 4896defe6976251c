/* Reading a rule: what can be wrong with it is found here, and not when a token is signed. */
#include <stdio.h>

#include "base/duration.h"
#include "domain/rule_parts.h"

jwkd_status rule_refuse(struct rule_place place, const char *what, jwkd_error *error)
{
    return fail(error, JWKD_INVALID_ARGUMENT, "rule: %s: %s", place.text, what);
}

/* ---- lists of texts */

static bool is_any(struct bytes text)
{
    (void)text;
    return true;
}

/* A scope-token of RFC 6749 section 3.3: no reader takes it for two words, wherever it splits. */
static bool is_word(struct bytes text)
{
    for (size_t i = 0; i < text.size; i++)
        if (text.data[i] <= 0x20 || text.data[i] > 0x7e || text.data[i] == '"' || text.data[i] == '\\')
            return false;
    return text.size > 0;
}

static bool is_audience(struct bytes text)
{
    return text.size > 0 && text.size <= LIMIT_AUDIENCE;
}

static bool is_type(struct bytes text)
{
    return is_word(text) && text.size <= LIMIT_TYP;
}

const struct rule_list RULE_TEXTS = {LIMIT_RULE_VALUES, is_any, "texts"},
                       RULE_WORDS = {LIMIT_RULE_VALUES, is_word,
                           "words without spaces, quotation marks and backslashes"},
                       RULE_AUDIENCES = {LIMIT_RULE_VALUES, is_audience, "audiences of 1 to 512 bytes"},
                       RULE_TYPES = {LIMIT_RULE_TYPES, is_type, "media types of 1 to 64 characters"};
_Static_assert(LIMIT_AUDIENCE == 512 && LIMIT_TYP == 64, "as the words above have it");

static bool is_list(const struct json *json, int node, const struct rule_list *kind)
{
    if (!json_is(json, node, JSON_ARRAY)) return false;
    uint32_t count = json->nodes[node].children;
    if (count == 0 || count > kind->most) return false;
    int item = json_first(json, node);
    for (uint32_t left = count; left > 0; left--, item = json_next(json, item))
        if (!json_is(json, item, JSON_STRING) || !kind->fits(json_string(json, item))) return false;
    return true;
}

jwkd_status rule_check_list(const struct json *json, int node, const struct rule_list *kind,
    struct rule_place place, jwkd_error *error)
{
    if (is_list(json, node, kind)) return JWKD_OK;
    return fail(error, JWKD_INVALID_ARGUMENT, "rule: %s is a list of 1 to %u %s", place.text,
        (unsigned)kind->most, kind->what);
}

/* ---- the rule */

static jwkd_status read_aud(struct rule *rule, int node, struct rule_place place, jwkd_error *error)
{
    rule->audiences = node;
    return rule_check_list(&rule->json, node, &RULE_AUDIENCES, place, error);
}

static jwkd_status read_types(struct rule *rule, int node, struct rule_place place, jwkd_error *error)
{
    rule->types = node;
    return rule_check_list(&rule->json, node, &RULE_TYPES, place, error);
}

static jwkd_status read_max_ttl(struct rule *rule, int node, struct rule_place place, jwkd_error *error)
{
    uint32_t sec = 0;
    jwkd_status status = duration_parse(json_string(&rule->json, node), &sec);
    if (status != JWKD_OK || sec == 0 || sec > LIMIT_TOKEN_LIFETIME_SEC)
        return rule_refuse(
            place, "it is a time from \"1s\" to \"366d\", like \"90s\", \"10m\" or \"1h\"", error);
    rule->max_ttl_sec = sec;
    return JWKD_OK;
}
_Static_assert(LIMIT_TOKEN_LIFETIME_SEC == 366 * 24 * 3600, "as the words above have it");

static jwkd_status read_other(struct rule *rule, int node, struct rule_place place, jwkd_error *error)
{
    struct bytes text = json_string(&rule->json, node);
    rule->refuses_other = bytes_equal_text(text, "refuse");
    if (rule->refuses_other || bytes_equal_text(text, "allow")) return JWKD_OK;
    return rule_refuse(place, "it is \"allow\" or \"refuse\"", error);
}

static jwkd_status read_rule_member(struct rule *rule, int name, jwkd_error *error)
{
    static const struct {
        const char *name;
        jwkd_status (*read)(struct rule *rule, int node, struct rule_place place, jwkd_error *error);
    } MEMBERS[] = {{"claims", rule_read_claims}, {"aud", read_aud}, {"types", read_types},
        {"max_ttl", read_max_ttl}, {"other", read_other}};
    struct bytes text = json_string(&rule->json, name);
    for (size_t i = 0; i < sizeof MEMBERS / sizeof *MEMBERS; i++) {
        struct rule_place place;
        if (!bytes_equal_text(text, MEMBERS[i].name)) continue;
        snprintf(place.text, sizeof place.text, "%s", MEMBERS[i].name);
        return MEMBERS[i].read(rule, name + 1, place, error);
    }
    return fail(error, JWKD_INVALID_ARGUMENT,
        "rule: \"%s\" is unknown; there are claims, aud, types, max_ttl and other", rule_show(text).text);
}

static jwkd_status check_audience_once(const struct rule *rule, jwkd_error *error)
{
    for (size_t i = 0; rule->audiences != JSON_NONE && i < rule->claim_count; i++)
        if (bytes_equal_text(rule->claims[i].name, "aud"))
            return fail(error, JWKD_INVALID_ARGUMENT,
                "rule: aud stands both in the rule and in its claims: leave one out");
    return JWKD_OK;
}

static jwkd_status read_rule(struct rule *rule, jwkd_error *error)
{
    const struct json *json = &rule->json;
    jwkd_error why = {0};
    jwkd_status status = json_parse(&rule->json, rule_json(rule), &why);
    if (status != JWKD_OK) return fail(error, status, "rule: %.200s", why.message);
    if (!json_is(json, JSON_ROOT, JSON_OBJECT))
        return fail(error, JWKD_MALFORMED, "rule: not a JSON object, which begins with {");
    int name = json_first(json, JSON_ROOT);
    for (uint32_t left = json->nodes[JSON_ROOT].children; left > 0; left--) {
        TRY(read_rule_member(rule, name, error));
        name = json_next(json, name + 1);
    }
    return check_audience_once(rule, error);
}

jwkd_status rule_parse(struct bytes json, struct rule **out, jwkd_error *error)
{
    if (json.size > LIMIT_RULE)
        return fail(error, JWKD_INVALID_ARGUMENT, "a rule has at most %d bytes, and this one %zu", LIMIT_RULE,
            json.size);
    CLEANUP(rule_unref_at) struct rule *rule = calloc(1, sizeof *rule + json.size);
    if (!rule) return fail(error, JWKD_NO_MEMORY, "out of memory");
    atomic_init(&rule->references, 1);
    rule->audiences = rule->types = JSON_NONE;
    rule->size = json.size;
    if (json.size) memcpy(rule->text, json.data, json.size);
    TRY(read_rule(rule, error));
    *out = TAKE(rule);
    return JWKD_OK;
}
