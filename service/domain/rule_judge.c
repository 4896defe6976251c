/* Judging claims by a rule. */
#include "domain/rule_parts.h"
#include "jose/jwt.h"

/* ---- texts */

/* Whether a text is among those of the rule's list at `list`. */
static bool is_listed(const struct rule *rule, int list, struct bytes text)
{
    int item = json_first(&rule->json, list);
    for (uint32_t left = rule->json.nodes[list].children; left > 0; left--) {
        if (bytes_equal(json_string(&rule->json, item), text)) return true;
        item = json_next(&rule->json, item);
    }
    return false;
}

static bool begins(const struct rule *rule, int prefix, struct bytes text)
{
    struct bytes beginning = json_string(&rule->json, prefix);
    return text.size >= beginning.size && bytes_equal(beginning, bytes_of(text.data, beginning.size));
}

/* An empty word, which two spaces make, one at an end, or an empty text, is never listed. */
static bool has_listed_words(const struct rule *rule, int list, struct bytes text)
{
    const uint8_t *p = text.data, *end = p + text.size;
    for (;;) {
        const uint8_t *space = p < end ? memchr(p, ' ', (size_t)(end - p)) : NULL;
        const uint8_t *word_end = space ? space : end;
        if (!is_listed(rule, list, bytes_of(p, (size_t)(word_end - p)))) return false;
        if (!space) return true;
        p = space + 1;
    }
}

/* Whether `fits` holds of a string, or of every element of an array that is not empty. */
static bool all_fit(const struct rule *rule, int value,
    bool (*fits)(const struct rule *rule, int value, struct bytes text), const struct json *claims, int node)
{
    if (json_is(claims, node, JSON_STRING)) return fits(rule, value, json_string(claims, node));
    int item = json_is(claims, node, JSON_ARRAY) ? json_first(claims, node) : JSON_NONE;
    if (item == JSON_NONE) return false;
    for (uint32_t left = claims->nodes[node].children; left > 0; left--, item = json_next(claims, item))
        if (!json_is(claims, item, JSON_STRING) || !fits(rule, value, json_string(claims, item)))
            return false;
    return true;
}

/* ---- one claim */

/* A claim that is there. */
static bool claim_fits(const struct rule *rule, const struct rule_claim *claim,
    const struct rule_subject *subject, const struct json *claims, int node)
{
    const int value = claim->value;
    switch (claim->kind) {
    case RULE_SET:
        if (claim->is_principal)
            return json_is(claims, node, JSON_STRING) &&
                   bytes_equal_text(json_string(claims, node), subject->principal);
        return json_same(&rule->json, value, claims, node);
    case RULE_EQUALS:
        return json_same(&rule->json, value, claims, node);
    case RULE_ONE_OF:
        return all_fit(rule, value, is_listed, claims, node);
    case RULE_PREFIX:
        return all_fit(rule, value, begins, claims, node);
    case RULE_WORDS_OF:
        return json_is(claims, node, JSON_STRING) && has_listed_words(rule, value, json_string(claims, node));
    case RULE_ABSENT:
        return false;
    }
    return false;
}

static jwkd_status append_value(const struct rule *rule, const struct rule_claim *claim,
    const struct rule_subject *subject, struct buffer *out)
{
    const struct json_node *value = &rule->json.nodes[claim->value];
    if (claim->is_principal) return json_append_string(out, bytes_of_text(subject->principal));
    if (value->type == JSON_STRING) return json_append_string(out, value->text);
    return buffer_append_bytes(out, value->text);
}

static jwkd_status append_set(const struct rule *rule, const struct rule_claim *claim,
    const struct rule_subject *subject, struct buffer *out, jwkd_error *error)
{
    jwkd_status status = json_append_string(out, claim->name);
    if (status == JWKD_OK) status = buffer_append_text(out, ":");
    if (status == JWKD_OK) status = append_value(rule, claim, subject, out);
    if (status == JWKD_OK) status = buffer_append_text(out, ",");
    if (status == JWKD_OK) return JWKD_OK;
    return fail(
        error, status, "claim \"%s\" (set): %s", rule_show(claim->name).text, jwkd_status_text(status));
}

static jwkd_status deny(const struct rule_claim *claim, const char *why, jwkd_error *error)
{
    return fail(error, JWKD_DENIED, "claim \"%s\" %s (%s)", rule_show(claim->name).text, why,
        rule_operator_name(claim->kind));
}

/* `node` is JSON_NONE where the claim is absent. */
static jwkd_status judge_claim(const struct rule *rule, const struct rule_claim *claim,
    const struct rule_subject *subject, const struct json *claims, int node, struct buffer *out,
    jwkd_error *error)
{
    if (node == JSON_NONE) {
        if (claim->kind == RULE_SET) return append_set(rule, claim, subject, out, error);
        if (claim->kind == RULE_ABSENT || claim->optional) return JWKD_OK;
        return deny(claim, "is missing, which the rule demands", error);
    }
    if (claim_fits(rule, claim, subject, claims, node)) return JWKD_OK;
    return deny(claim,
        claim->kind == RULE_ABSENT ? "is not allowed by the rule" : "is not as the rule demands", error);
}

/* ---- all of them */

/* A claim that the rule's `claims` do not name. */
static jwkd_status judge_unnamed(
    const struct rule *rule, const struct rule_subject *subject, struct bytes name, jwkd_error *error)
{
    static const char *const OWN[] = {"iat", "nbf", "exp", "jti"};
    if (bytes_equal_text(name, "iss")) {
        if (subject->has_issuer) return JWKD_OK;
        return fail(error, JWKD_DENIED,
            "claim \"iss\" is not named by the rule, and the environment has no issuer (other)");
    }
    if (!rule->refuses_other) return JWKD_OK;
    if (rule->audiences != JSON_NONE && bytes_equal_text(name, "aud")) return JWKD_OK;
    for (size_t i = 0; i < sizeof OWN / sizeof *OWN; i++)
        if (bytes_equal_text(name, OWN[i])) return JWKD_OK;
    return fail(error, JWKD_DENIED, "claim \"%s\" is not named by the rule, which refuses all others (other)",
        rule_show(name).text);
}

/* Finds the claims that the rule names, and judges the others. */
static jwkd_status find_claims(const struct rule *rule, const struct rule_subject *subject,
    const struct json *claims, int out_nodes[LIMIT_RULE_CLAIMS], jwkd_error *error)
{
    for (size_t i = 0; i < rule->claim_count; i++)
        out_nodes[i] = JSON_NONE;
    int name = json_first(claims, JSON_ROOT);
    for (uint32_t left = claims->nodes[JSON_ROOT].children; left > 0; left--) {
        struct bytes text = json_string(claims, name);
        size_t i = 0;
        while (i < rule->claim_count && !bytes_equal(rule->claims[i].name, text))
            i++;
        if (i < rule->claim_count)
            out_nodes[i] = name + 1;
        else
            TRY(judge_unnamed(rule, subject, text, error));
        name = json_next(claims, name + 1);
    }
    return JWKD_OK;
}

static jwkd_status judge_audience(const struct rule *rule, const struct json *claims, jwkd_error *error)
{
    if (rule->audiences == JSON_NONE) return JWKD_OK;
    int node = json_member(claims, JSON_ROOT, "aud");
    if (node == JSON_NONE)
        return fail(error, JWKD_DENIED, "claim \"aud\" is missing, which the rule demands (aud)");
    if (all_fit(rule, rule->audiences, is_listed, claims, node)) return JWKD_OK;
    return fail(error, JWKD_DENIED, "claim \"aud\" names others than the rule lists (aud)");
}

jwkd_status rule_judge_type(const struct rule *rule, struct bytes type, jwkd_error *error)
{
    if (rule->types == JSON_NONE) {
        if (jwt_same_type(type, bytes_of_text("at+jwt")) || jwt_same_type(type, bytes_of_text("JWT")))
            return JWKD_OK;
        return fail(error, JWKD_DENIED,
            "typ \"%s\" is not allowed: a rule without types allows at+jwt and JWT", rule_show(type).text);
    }
    int item = json_first(&rule->json, rule->types);
    for (uint32_t left = rule->json.nodes[rule->types].children; left > 0; left--) {
        if (jwt_same_type(type, json_string(&rule->json, item))) return JWKD_OK;
        item = json_next(&rule->json, item);
    }
    return fail(
        error, JWKD_DENIED, "typ \"%s\" is not among those of the rule (types)", rule_show(type).text);
}

static jwkd_status judge_claims(const struct rule *rule, const struct rule_subject *subject,
    const struct json *claims, struct buffer *out_added, jwkd_error *error)
{
    int nodes[LIMIT_RULE_CLAIMS];
    size_t before = out_added->size;
    TRY(find_claims(rule, subject, claims, nodes, error));
    TRY(judge_audience(rule, claims, error));
    for (size_t i = 0; i < rule->claim_count; i++)
        TRY(judge_claim(rule, &rule->claims[i], subject, claims, nodes[i], out_added, error));
    if (claims->nodes[JSON_ROOT].text.size + (out_added->size - before) > LIMIT_CLAIMS)
        return fail(
            error, JWKD_INVALID_ARGUMENT, "claims over %d bytes with what the rule adds (set)", LIMIT_CLAIMS);
    return JWKD_OK;
}

jwkd_status rule_judge(const struct rule *rule, const struct rule_subject *subject, const struct json *claims,
    struct buffer *out_added, jwkd_error *error)
{
    size_t before = out_added->size;
    if (!json_is(claims, JSON_ROOT, JSON_OBJECT) || claims->nodes[JSON_ROOT].doubled)
        return fail(error, JWKD_MALFORMED, "claims: no object without duplicate members");
    TRY(rule_judge_type(rule, subject->type, error));
    jwkd_status status = judge_claims(rule, subject, claims, out_added, error);
    if (status != JWKD_OK) out_added->size = before;
    return status;
}
