/* Comparing values of two documents. */
#include "jose/json.h"

static bool same_number(const struct json *a, int a_node, const struct json *b, int b_node)
{
    int64_t a_value, b_value;
    bool a_whole = json_whole(a, a_node, &a_value) == JWKD_OK;
    bool b_whole = json_whole(b, b_node, &b_value) == JWKD_OK;
    if (a_whole && b_whole) return a_value == b_value;
    return bytes_equal(a->nodes[a_node].text, b->nodes[b_node].text);
}

static bool same_elements(const struct json *a, int a_node, const struct json *b, int b_node)
{
    int a_item = json_first(a, a_node), b_item = json_first(b, b_node);
    for (uint32_t left = a->nodes[a_node].children; left > 0; left--) {
        if (!json_same(a, a_item, b, b_item)) return false;
        a_item = json_next(a, a_item);
        b_item = json_next(b, b_item);
    }
    return true;
}

/* As many members as there are in `a` are in `b`, so that `b` has no others. */
static bool same_members(const struct json *a, int a_node, const struct json *b, int b_node)
{
    if (a->nodes[a_node].doubled || b->nodes[b_node].doubled) return false;
    int name = json_first(a, a_node);
    for (uint32_t left = a->nodes[a_node].children; left > 0; left--) {
        int a_value = name + 1, b_value = json_find(b, b_node, a->nodes[name].text);
        if (b_value == JSON_NONE || !json_same(a, a_value, b, b_value)) return false;
        name = json_next(a, a_value);
    }
    return true;
}

bool json_same(const struct json *a, int a_node, const struct json *b, int b_node)
{
    const struct json_node *one = &a->nodes[a_node], *other = &b->nodes[b_node];
    if (one->type != other->type || one->children != other->children) return false;
    switch (one->type) {
    case JSON_NULL:
    case JSON_FALSE:
    case JSON_TRUE:
        return true;
    case JSON_NUMBER:
        return same_number(a, a_node, b, b_node);
    case JSON_STRING:
        return bytes_equal(one->text, other->text);
    case JSON_ARRAY:
        return same_elements(a, a_node, b, b_node);
    case JSON_OBJECT:
        return same_members(a, a_node, b, b_node);
    }
    return false;
}
