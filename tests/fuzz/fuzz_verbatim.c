#include "fuzz.h"

#include "cli/verbatim.h"
#include "jose/json.h"

static void check_same_values(const struct json *before, const struct json *after)
{
    MUST(before->count == after->count);
    for (uint32_t i = 0; i < before->count; i++) {
        const struct json_node *a = &before->nodes[i], *b = &after->nodes[i];
        MUST(a->type == b->type && a->children == b->children);
        if (a->type != JSON_ARRAY && a->type != JSON_OBJECT) MUST(bytes_equal(a->text, b->text));
    }
}

/* JSON that we can read says the same afterwards, in printable ASCII; anything else breaks nothing. */
static void check(struct bytes text, const struct json *before, bool readable, bool indent)
{
    struct buffer out = {0};
    struct json after;
    jwkd_status status = verbatim_append(&out, text, indent);
    if (readable) {
        MUST(status == JWKD_OK);
        for (size_t i = 0; i < out.size; i++)
            MUST((out.data[i] >= 0x20 && out.data[i] < 0x7f) || (indent && out.data[i] == '\n'));
        MUST(json_parse(&after, buffer_bytes(&out), NULL) == JWKD_OK);
        check_same_values(before, &after);
        json_clear(&after);
    }
    buffer_clear(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct json json;
    struct bytes text = bytes_of(data, size);
    bool readable = json_parse(&json, text, NULL) == JWKD_OK;
    check(text, &json, readable, false);
    check(text, &json, readable, true);
    json_clear(&json);
    return 0;
}
