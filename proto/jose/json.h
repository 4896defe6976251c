/* A strict JSON reader for what a peer sends (RFC 8259): refuses duplicate member names (RFC 7515 section 4,
 * RFC 7519 section 4), invalid UTF-8, over-deep and oversize text. A small document needs no memory of
 * its own: values are views into the text wherever the text has no escapes. */
#ifndef JOSE_JSON_H
#define JOSE_JSON_H

#include "base/bytes.h"

enum json_type { JSON_NULL, JSON_FALSE, JSON_TRUE, JSON_NUMBER, JSON_STRING, JSON_ARRAY, JSON_OBJECT };

/* One value, in document order. An object's children alternate member name (a string) and value. */
struct json_node {
    enum json_type type;
    bool escaped;      /* the string has escapes: `text` is its decoded form, kept in the document */
    bool doubled;      /* the object has a member name twice; only json_parse_marking() lets that pass */
    uint32_t children; /* array elements, or object members */
    uint32_t next;     /* index of the node behind this one's subtree */
    struct bytes text; /* a string's characters without quotes; otherwise the value as written */
};

enum { JSON_INLINE_NODES = 48 };

/* A parsed document; a zeroed one is empty. The text that was parsed must outlive it. Not to be moved after
 * json_parse. */
struct json {
    struct json_node *nodes;
    uint32_t count, capacity;
    struct buffer decoded; /* strings that had escapes */
    struct json_node inline_nodes[JSON_INLINE_NODES];
};

/* Index of the root, and the answer of look-ups that find nothing. */
enum { JSON_ROOT = 0, JSON_NONE = -1 };

/* Makes it empty, as zeroing would, without touching the nodes. */
static inline void json_init(struct json *json)
{
    json->nodes = NULL;
    json->count = json->capacity = 0;
    json->decoded = (struct buffer){0};
}
/* Parses one value with nothing but white space around it; *json need not be initialised. MALFORMED says
 * where and what in *error; NO_MEMORY. A number keeps its spelling, and \u0000 is refused in member names.
 * The document must be json_clear()ed whatever the answer. */
jwkd_status json_parse(struct json *json, struct bytes text, jwkd_error *error) MUST_CHECK;
/* The same, but an object with duplicate member names is marked and not refused: for documents in which one
 * bad value is not to spoil the others. */
jwkd_status json_parse_marking(struct json *json, struct bytes text, jwkd_error *error) MUST_CHECK;
void json_clear(struct json *json);

/* The index of an object's member value, or JSON_NONE when absent or `object` is not an object. */
int json_find(const struct json *json, int object, struct bytes name);
static inline int json_member(const struct json *json, int object, const char *name)
{
    return json_find(json, object, bytes_of_text(name));
}
/* The index of the first child (value, for an array; name, for an object), or JSON_NONE. */
int json_first(const struct json *json, int container);
/* The node behind `node`'s subtree: the next element, or the value behind a name. */
static inline int json_next(const struct json *json, int node)
{
    return (int)json->nodes[node].next;
}
static inline enum json_type json_type(const struct json *json, int node)
{
    return json->nodes[node].type;
}
/* False for JSON_NONE, and for everything in an empty document. */
static inline bool json_is(const struct json *json, int node, enum json_type type)
{
    return (uint32_t)node < json->count && json->nodes[node].type == type;
}
/* The string's characters; an empty view unless `node` is a string. */
struct bytes json_string(const struct json *json, int node);
/* A whole number in whatever spelling: 42, 42.0, 4.2e1. MALFORMED for what has a fraction, does not fit, or
 * is no number. */
jwkd_status json_whole(const struct json *json, int node, int64_t *out) MUST_CHECK;
/* A NumericDate, RFC 7519 section 2: the whole seconds at or before it, and the nanoseconds from there on;
 * smaller parts round up. MALFORMED unless `node` is a number that lies within +-2^53. */
jwkd_status json_date(const struct json *json, int node, int64_t *out_sec, uint32_t *out_ns) MUST_CHECK;
/* Whether two values are the same: strings as decoded, objects in whatever order of members, numbers by value
 * where they are whole and fit 64 bits, else by their spelling. No object that has a member name twice is the
 * same as another. */
bool json_same(const struct json *a, int a_node, const struct json *b, int b_node);

/* Appends `text` as a JSON string with its quotes. MALFORMED when it is not UTF-8. */
jwkd_status json_append_string(struct buffer *out, struct bytes text) MUST_CHECK;

#endif
