#include "cli/verbatim.h"

#include "base/utf8.h"

/* A text on its way to the output. */
struct copy {
    struct buffer *out;
    const uint8_t *at, *end;
    bool indent;
    size_t depth;
};

static bool is_blank(uint8_t c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static jwkd_status new_line(const struct copy *copy)
{
    if (!copy->indent) return JWKD_OK;
    TRY(buffer_append_text(copy->out, "\n"));
    for (size_t i = 0; i < copy->depth; i++)
        TRY(buffer_append_text(copy->out, "  "));
    return JWKD_OK;
}

/* One character that is not ASCII, or DEL, as \uXXXX or a pair of these (RFC 8259 section 7). */
static jwkd_status copy_escaped(struct copy *copy)
{
    size_t size = utf8_size(copy->at, (size_t)(copy->end - copy->at));
    if (size == 0) return JWKD_MALFORMED;
    uint32_t code_point = size == 1 ? *copy->at : *copy->at & (0x7fU >> size);
    for (size_t i = 1; i < size; i++)
        code_point = code_point << 6 | (copy->at[i] & 0x3fU);
    copy->at += size;
    if (code_point < 0x10000) return buffer_append_format(copy->out, "\\u%04X", code_point);
    code_point -= 0x10000;
    return buffer_append_format(
        copy->out, "\\u%04X\\u%04X", 0xd800 + (code_point >> 10), 0xdc00 + (code_point & 0x3ff));
}

/* From one quote to the other. */
static jwkd_status copy_string(struct copy *copy)
{
    bool escape = false, ended = false;
    TRY(buffer_append(copy->out, copy->at++, 1));
    while (!ended && copy->at < copy->end) {
        uint8_t c = *copy->at;
        ended = c == '"' && !escape;
        escape = c == '\\' && !escape;
        if (c < 0x7f)
            TRY(buffer_append(copy->out, copy->at++, 1));
        else
            TRY(copy_escaped(copy));
    }
    return ended ? JWKD_OK : JWKD_MALFORMED;
}

static jwkd_status copy_opening(struct copy *copy)
{
    const uint8_t *next = copy->at + 1;
    TRY(buffer_append(copy->out, copy->at, 1));
    while (next < copy->end && is_blank(*next))
        next++;
    copy->at = next;
    copy->depth++;
    /* What is empty stays on its line. */
    return next < copy->end && *next != '}' && *next != ']' ? new_line(copy) : JWKD_OK;
}

static jwkd_status copy_closing(struct copy *copy)
{
    if (copy->depth == 0) return JWKD_MALFORMED; /* so something was written */
    uint8_t last = copy->out->data[copy->out->size - 1];
    copy->depth--;
    if (last != '{' && last != '[') TRY(new_line(copy));
    return buffer_append(copy->out, copy->at++, 1);
}

static jwkd_status copy_next(struct copy *copy)
{
    switch (*copy->at) {
    case '"':
        return copy_string(copy);
    case '{':
    case '[':
        return copy_opening(copy);
    case '}':
    case ']':
        return copy_closing(copy);
    case ',':
        TRY(buffer_append(copy->out, copy->at++, 1));
        return new_line(copy);
    case ':':
        copy->at++;
        return buffer_append_text(copy->out, copy->indent ? ": " : ":");
    default:
        return buffer_append(copy->out, copy->at++, 1); /* of a number, true, false or null */
    }
}

jwkd_status verbatim_append(struct buffer *out, struct bytes json, bool indent)
{
    struct copy copy = {.out = out, .at = json.data, .end = json.data + json.size, .indent = indent};
    while (copy.at < copy.end) {
        if (is_blank(*copy.at))
            copy.at++;
        else
            TRY(copy_next(&copy));
    }
    return copy.depth == 0 ? JWKD_OK : JWKD_MALFORMED;
}
