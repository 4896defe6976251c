#include "fuzz.h"

#include "jose/json.h"

/* A string written by us is read back as the same string. */
static void check_string(struct bytes text)
{
    struct buffer written = {0};
    struct json json;
    MUST(json_append_string(&written, text) == JWKD_OK);
    MUST(json_parse(&json, buffer_bytes(&written), NULL) == JWKD_OK);
    MUST(bytes_equal(json_string(&json, JSON_ROOT), text));
    json_clear(&json);
    buffer_clear(&written);
}

static void check_alone(struct bytes text, enum json_type type)
{
    struct json json;
    MUST(json_parse(&json, text, NULL) == JWKD_OK);
    MUST(json_is(&json, JSON_ROOT, type));
    json_clear(&json);
}

/* The node behind the subtree; everything in it is well formed. */
static uint32_t check_node(const struct json *json, uint32_t index, bool is_name)
{
    MUST(index < json->count);
    const struct json_node *node = &json->nodes[index];
    int64_t number, whole;
    uint32_t next = index + 1;
    if (node->type == JSON_STRING) {
        check_string(node->text);
        MUST(!is_name || !memchr(node->text.data, 0, node->text.size));
    } else if (node->type == JSON_NUMBER) {
        uint32_t ns = 0;
        bool dated = json_date(json, (int)index, &number, &ns) == JWKD_OK;
        if (dated) MUST(number <= (INT64_C(1) << 53) + 1 && ns < 1000 * 1000 * 1000);
        if (json_whole(json, (int)index, &whole) == JWKD_OK)
            MUST(dated ? number == whole && ns == 0
                       : whole > (INT64_C(1) << 53) || whole < -(INT64_C(1) << 53));
    } else if (node->type == JSON_OBJECT || node->type == JSON_ARRAY) {
        uint32_t children = node->type == JSON_OBJECT ? 2 * node->children : node->children;
        MUST((json_first(json, (int)index) == JSON_NONE) == (children == 0));
        for (uint32_t i = 0; i < children; i++)
            next = check_node(json, next, node->type == JSON_OBJECT && i % 2 == 0);
    }
    MUST(!is_name || node->type == JSON_STRING);
    MUST(next == node->next && next <= json->count);
    return next;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct json json;
    jwkd_error error = {0};
    struct bytes text = bytes_of(data, size);
    jwkd_status status = json_parse(&json, text, &error);
    MUST(status == JWKD_OK || (status == JWKD_MALFORMED && error.message[0]));
    if (status == JWKD_OK) {
        MUST(check_node(&json, JSON_ROOT, false) == json.count);
        if (!json_is(&json, JSON_ROOT, JSON_STRING))
            check_alone(json.nodes[JSON_ROOT].text, json.nodes[JSON_ROOT].type);
        (void)json_member(&json, JSON_ROOT, "exp");
    }
    json_clear(&json);
    return 0;
}
