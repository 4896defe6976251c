#include "jose/json.h"

#include <stdlib.h>

#include "base/limits.h"
#include "base/utf8.h"
#include "jose/json_names.h"

struct parser {
    struct json *json;
    const uint8_t *p, *end;
    const char *problem;
    unsigned depth;
    bool marks_doubles; /* instead of refusing them */
};

static jwkd_status refuse(struct parser *parser, const char *problem)
{
    parser->problem = problem;
    return JWKD_MALFORMED;
}

static void skip_space(struct parser *parser)
{
    while (parser->p < parser->end &&
           (*parser->p == ' ' || *parser->p == '\n' || *parser->p == '\r' || *parser->p == '\t'))
        parser->p++;
}

/* The next character that is no white space, 0 at the end (0 itself is never valid outside a string). */
static uint8_t peek(struct parser *parser)
{
    skip_space(parser);
    return parser->p < parser->end ? *parser->p : 0;
}

static jwkd_status grow(struct json *json)
{
    uint32_t capacity = json->capacity * 4;
    bool first = json->nodes == json->inline_nodes;
    struct json_node *nodes = realloc(first ? NULL : json->nodes, capacity * sizeof *nodes);
    if (!nodes) return JWKD_NO_MEMORY;
    if (first) memcpy(nodes, json->inline_nodes, sizeof json->inline_nodes);
    json->nodes = nodes;
    json->capacity = capacity;
    return JWKD_OK;
}

static jwkd_status add_node(struct parser *parser, enum json_type type, uint32_t *out)
{
    struct json *json = parser->json;
    if (json->count == LIMIT_JSON_NODES) return refuse(parser, "too many values");
    if (json->count == json->capacity) TRY(grow(json));
    struct json_node *node = &json->nodes[json->count];
    node->type = type;
    node->escaped = false;
    node->doubled = false;
    node->children = 0;
    *out = json->count++;
    return JWKD_OK;
}

/* Ends the node whose text began at `begin`, with everything that was added since as its subtree. */
static void end_node(struct parser *parser, uint32_t index, const uint8_t *begin)
{
    struct json_node *node = &parser->json->nodes[index];
    node->text = bytes_of(begin, (size_t)(parser->p - begin));
    node->next = parser->json->count;
}

static jwkd_status parse_hex4(struct parser *parser, uint32_t *out)
{
    if (parser->end - parser->p < 4) return refuse(parser, "cut short in an escape");
    uint32_t value = 0;
    for (int i = 0; i < 4; i++) {
        uint8_t c = *parser->p;
        uint8_t lower = c | 0x20;
        if (c >= '0' && c <= '9') {
            value = value << 4 | (uint32_t)(c - '0');
        } else if (lower >= 'a' && lower <= 'f') {
            value = value << 4 | (uint32_t)(lower - 'a' + 10);
        } else {
            return refuse(parser, "no hexadecimal digit in an escape");
        }
        parser->p++;
    }
    *out = value;
    return JWKD_OK;
}

/* Behind `\u`. Surrogates come in pairs or not at all (RFC 8259 section 8.2). */
static jwkd_status parse_unicode_escape(struct parser *parser, struct buffer *out)
{
    uint32_t code_point;
    TRY(parse_hex4(parser, &code_point));
    if (code_point >= 0xdc00 && code_point <= 0xdfff) return refuse(parser, "lone surrogate");
    if (code_point >= 0xd800 && code_point <= 0xdbff) {
        uint32_t low;
        if (parser->end - parser->p < 2 || parser->p[0] != '\\' || parser->p[1] != 'u')
            return refuse(parser, "lone surrogate");
        parser->p += 2;
        TRY(parse_hex4(parser, &low));
        if (low < 0xdc00 || low > 0xdfff) return refuse(parser, "lone surrogate");
        code_point = 0x10000 + ((code_point - 0xd800) << 10 | (low - 0xdc00));
    }
    out->size += utf8_write(code_point, out->data + out->size);
    return JWKD_OK;
}

/* Behind a backslash; `out` has room, since a decoded string is never longer than its spelling. */
static jwkd_status parse_escape(struct parser *parser, struct buffer *out)
{
    static const char SHORT[] = "\"\\/bfnrt", MEANING[] = "\"\\/\b\f\n\r\t";
    if (parser->p == parser->end) return refuse(parser, "cut short in an escape");
    uint8_t c = *parser->p++;
    if (c == 'u') return parse_unicode_escape(parser, out);
    const char *found = c ? strchr(SHORT, c) : NULL;
    if (!found) return refuse(parser, "unknown escape");
    out->data[out->size++] = (uint8_t)MEANING[found - SHORT];
    return JWKD_OK;
}

/* Eight bytes at once: whether none is a quote, a backslash, a control character or beyond ASCII. */
static bool all_plain(const uint8_t *p)
{
    const uint64_t ones = UINT64_C(0x0101010101010101), tops = ones << 7;
    uint64_t word;
    memcpy(&word, p, sizeof word);
    uint64_t quote = word ^ (ones * '"'), backslash = word ^ (ones * '\\');
    return (((word - ones * 0x20) | (quote - ones) | (backslash - ones) | word) & tops) == 0;
}

/* Passes over characters that stand for themselves, up to a quote or a backslash. */
static jwkd_status skip_plain(struct parser *parser)
{
    const uint8_t *p = parser->p, *end = parser->end;
    jwkd_status status = JWKD_OK;
    for (;;) {
        while (end - p >= 8 && all_plain(p))
            p += 8;
        if (p == end) {
            status = refuse(parser, "cut short in a string");
            break;
        }
        if (*p == '"' || *p == '\\') break;
        if (*p < 0x20) {
            status = refuse(parser, "control character in a string");
            break;
        }
        size_t size = utf8_size(p, (size_t)(end - p));
        if (size == 0) {
            status = refuse(parser, "not UTF-8");
            break;
        }
        p += size;
    }
    parser->p = p;
    return status;
}

/* The rest of a string from its first escape on; `begin` is where the string began. */
static jwkd_status parse_escaped_string(struct parser *parser, const uint8_t *begin, struct json_node *node)
{
    struct buffer *out = &parser->json->decoded;
    /* Reserved once for all that can follow, so that earlier views stay where they are. */
    if (!out->data) TRY(buffer_reserve(out, (size_t)(parser->end - begin)));
    size_t start = out->size;
    for (;;) {
        size_t run = (size_t)(parser->p - begin);
        memcpy(out->data + out->size, begin, run);
        out->size += run;
        if (*parser->p++ == '"') break;
        TRY(parse_escape(parser, out));
        begin = parser->p;
        TRY(skip_plain(parser));
    }
    node->escaped = true;
    node->text = bytes_of(out->data + start, out->size - start);
    return JWKD_OK;
}

/* At the opening quote. */
static jwkd_status parse_string(struct parser *parser)
{
    uint32_t index;
    TRY(add_node(parser, JSON_STRING, &index));
    const uint8_t *begin = ++parser->p;
    TRY(skip_plain(parser));
    struct json_node *node = &parser->json->nodes[index];
    if (*parser->p == '\\') {
        node->next = parser->json->count;
        return parse_escaped_string(parser, begin, node);
    }
    end_node(parser, index, begin);
    parser->p++;
    return JWKD_OK;
}

static jwkd_status parse_digits(struct parser *parser)
{
    const uint8_t *begin = parser->p;
    while (parser->p < parser->end && *parser->p >= '0' && *parser->p <= '9')
        parser->p++;
    return parser->p > begin ? JWKD_OK : refuse(parser, "digit expected");
}

static bool take(struct parser *parser, uint8_t c)
{
    if (parser->p == parser->end || *parser->p != c) return false;
    parser->p++;
    return true;
}

static jwkd_status parse_number(struct parser *parser)
{
    uint32_t index;
    TRY(add_node(parser, JSON_NUMBER, &index));
    const uint8_t *begin = parser->p;
    take(parser, '-');
    if (!take(parser, '0')) TRY(parse_digits(parser));
    if (take(parser, '.')) TRY(parse_digits(parser));
    if (take(parser, 'e') || take(parser, 'E')) {
        if (!take(parser, '+')) take(parser, '-');
        TRY(parse_digits(parser));
    }
    end_node(parser, index, begin);
    return JWKD_OK;
}

static jwkd_status parse_word(struct parser *parser, const char *word, enum json_type type)
{
    size_t size = strlen(word);
    if ((size_t)(parser->end - parser->p) < size || memcmp(parser->p, word, size) != 0)
        return refuse(parser, "value expected");
    uint32_t index;
    TRY(add_node(parser, type, &index));
    const uint8_t *begin = parser->p;
    parser->p += size;
    end_node(parser, index, begin);
    return JWKD_OK;
}

static jwkd_status parse_value(struct parser *parser);

static jwkd_status parse_member(struct parser *parser)
{
    if (peek(parser) != '"') return refuse(parser, "member name expected");
    uint32_t name = parser->json->count;
    TRY(parse_string(parser));
    struct bytes text = parser->json->nodes[name].text;
    if (text.size && memchr(text.data, 0, text.size)) return refuse(parser, "NUL in a member name");
    if (peek(parser) != ':') return refuse(parser, "colon expected");
    parser->p++;
    return parse_value(parser);
}

/* At the opening bracket. */
static jwkd_status parse_container(struct parser *parser, enum json_type type)
{
    const bool object = type == JSON_OBJECT;
    const uint8_t *begin = parser->p++, close = object ? '}' : ']';
    uint32_t index, children = 0;
    TRY(add_node(parser, type, &index));
    if (++parser->depth > LIMIT_JSON_DEPTH) return refuse(parser, "nested too deeply");
    if (peek(parser) != close) {
        for (;; parser->p++) {
            TRY(object ? parse_member(parser) : parse_value(parser));
            children++;
            uint8_t c = peek(parser);
            if (c == close) break;
            if (c != ',') return refuse(parser, object ? "comma or } expected" : "comma or ] expected");
        }
    }
    parser->p++;
    parser->depth--;
    parser->json->nodes[index].children = children;
    end_node(parser, index, begin);
    if (!object) return JWKD_OK;
    jwkd_status status = json_check_names(parser->json, index);
    if (status != JWKD_MALFORMED) return status;
    parser->json->nodes[index].doubled = true;
    return parser->marks_doubles ? JWKD_OK : refuse(parser, "duplicate member name");
}

static jwkd_status parse_value(struct parser *parser)
{
    uint8_t c = peek(parser);
    if (c == '"') return parse_string(parser);
    if (c == '-' || (c >= '0' && c <= '9')) return parse_number(parser);
    if (c == '{') return parse_container(parser, JSON_OBJECT);
    if (c == '[') return parse_container(parser, JSON_ARRAY);
    if (c == 't') return parse_word(parser, "true", JSON_TRUE);
    if (c == 'f') return parse_word(parser, "false", JSON_FALSE);
    if (c == 'n') return parse_word(parser, "null", JSON_NULL);
    return refuse(parser, "value expected");
}

static jwkd_status parse(struct json *json, struct bytes text, bool marks_doubles, jwkd_error *error)
{
    json->nodes = json->inline_nodes;
    json->count = 0;
    json->capacity = JSON_INLINE_NODES;
    json->decoded = (struct buffer){0};
    static const uint8_t nothing[1] = {0};
    const uint8_t *begin = text.size ? text.data : nothing;
    struct parser parser = {
        .json = json, .p = begin, .end = begin + text.size, .marks_doubles = marks_doubles};
    jwkd_status status = parse_value(&parser);
    if (status == JWKD_OK && (peek(&parser), parser.p != parser.end))
        status = refuse(&parser, "more behind the value");
    if (status == JWKD_OK) return JWKD_OK;
    size_t at = (size_t)(parser.p - begin);
    json->count = 0; /* what was read so far is not to be looked at */
    if (!parser.problem) return fail(error, status, "JSON: %s", jwkd_status_text(status));
    return fail(error, status, "JSON, byte %zu: %s", at, parser.problem);
}

jwkd_status json_parse(struct json *json, struct bytes text, jwkd_error *error)
{
    return parse(json, text, false, error);
}

jwkd_status json_parse_marking(struct json *json, struct bytes text, jwkd_error *error)
{
    return parse(json, text, true, error);
}

void json_clear(struct json *json)
{
    if (json->nodes != json->inline_nodes) free(json->nodes);
    buffer_clear(&json->decoded);
    json_init(json);
}
