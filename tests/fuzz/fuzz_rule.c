/* Input: a rule, a NUL, claims. */
#include "fuzz.h"

#include "base/limits.h"
#include "domain/rule.h"

static const char PRINCIPAL[] = "uid:1000 \"\\\n{principal}";

/* What was added makes, behind the brace, claims that the rule allows, too, and adds nothing to. */
static void check_added(const struct rule *rule, const struct rule_subject *subject,
    const struct json *claims, struct bytes added)
{
    struct buffer text = {0}, again = {0};
    struct json json;
    struct bytes object = claims->nodes[JSON_ROOT].text;
    if (claims->nodes[JSON_ROOT].children == 0) return; /* what is signed has members */
    MUST(buffer_append_text(&text, "{") == JWKD_OK && buffer_append_bytes(&text, added) == JWKD_OK);
    MUST(buffer_append(&text, object.data + 1, object.size - 1) == JWKD_OK);
    MUST(text.size <= LIMIT_CLAIMS || added.size == 0);
    MUST(json_parse(&json, buffer_bytes(&text), NULL) == JWKD_OK);
    MUST(added.size == 0 || text.data[added.size] == ',');
    MUST(rule_judge(rule, subject, &json, &again, NULL) == JWKD_OK && again.size == 0);
    json_clear(&json);
    buffer_clear(&text);
    buffer_clear(&again);
}

static jwkd_status judge(
    const struct rule *rule, const struct rule_subject *subject, const struct json *claims)
{
    struct buffer added = {0};
    jwkd_error error = {0};
    jwkd_status status = rule_judge(rule, subject, claims, &added, &error);
    if (status == JWKD_OK) {
        MUST(rule_judge_type(rule, subject->type, NULL) == JWKD_OK);
        check_added(rule, subject, claims, buffer_bytes(&added));
    } else {
        MUST(status == JWKD_DENIED || status == JWKD_INVALID_ARGUMENT);
        MUST(error.status == status && error.message[0] && added.size == 0);
    }
    buffer_clear(&added);
    return status;
}

static void judge_all(const struct rule *rule, struct bytes text)
{
    struct json claims = {0};
    if (text.size <= LIMIT_CLAIMS && json_parse(&claims, text, NULL) == JWKD_OK &&
        json_is(&claims, JSON_ROOT, JSON_OBJECT)) {
        struct rule_subject subject = {.principal = PRINCIPAL, .type = bytes_of_text("application/AT+jwt")};
        bool without = judge(rule, &subject, &claims) == JWKD_OK;
        subject.has_issuer = true;
        bool with = judge(rule, &subject, &claims) == JWKD_OK;
        MUST(with || !without);
    }
    json_clear(&claims);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint8_t *end = size ? memchr(data, '\0', size) : NULL;
    if (!end) return 0;
    struct bytes text = bytes_of(data, (size_t)(end - data));
    struct rule *rule = NULL;
    jwkd_error error = {0};
    jwkd_status status = rule_parse(text, &rule, &error);
    if (status == JWKD_OK) {
        MUST(bytes_equal(rule_json(rule), text) && text.size <= LIMIT_RULE);
        MUST(rule_max_ttl_sec(rule) >= 0 && rule_max_ttl_sec(rule) <= LIMIT_TOKEN_LIFETIME_SEC);
        judge_all(rule, bytes_of(end + 1, size - text.size - 1));
    } else {
        MUST(status == JWKD_INVALID_ARGUMENT || status == JWKD_MALFORMED);
        MUST(rule == NULL && error.status == status && error.message[0]);
    }
    rule_unref(rule);
    return 0;
}
