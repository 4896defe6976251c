/* Looking into a parsed document, and writing a string. */
#include "jose/json.h"

#include "base/utf8.h"

int json_find(const struct json *json, int object, struct bytes name)
{
    if (!json_is(json, object, JSON_OBJECT)) return JSON_NONE;
    uint32_t index = (uint32_t)object + 1;
    for (uint32_t left = json->nodes[object].children; left > 0; left--) {
        if (bytes_equal(json->nodes[index].text, name)) return (int)index + 1;
        index = json->nodes[index + 1].next; /* a name is one node, its value follows at once */
    }
    return JSON_NONE;
}

int json_first(const struct json *json, int container)
{
    if (!json_is(json, container, JSON_OBJECT) && !json_is(json, container, JSON_ARRAY)) return JSON_NONE;
    return json->nodes[container].children ? container + 1 : JSON_NONE;
}

struct bytes json_string(const struct json *json, int node)
{
    return json_is(json, node, JSON_STRING) ? json->nodes[node].text : (struct bytes){0};
}

static bool is_digit(uint8_t c)
{
    return c >= '0' && c <= '9';
}

/* A number taken apart: value = 0.D1D2D3... x 10^point, with the digits of the mantissa without its '.'. */
struct decimal {
    struct bytes mantissa; /* digits and at most one '.' */
    long point;
    bool negative;
};

enum { EXPONENT_MAX = 100 * 1000 }; /* beyond, it makes no difference to texts of our size */

static struct decimal decimal_of(struct bytes text)
{
    struct decimal decimal = {0};
    size_t i = 0;
    if (text.data[0] == '-') {
        decimal.negative = true;
        i++;
    }
    size_t begin = i;
    while (i < text.size && is_digit(text.data[i]))
        i++;
    decimal.point = (long)(i - begin);
    while (i < text.size && (is_digit(text.data[i]) || text.data[i] == '.'))
        i++;
    decimal.mantissa = bytes_of(text.data + begin, i - begin);
    if (i == text.size) return decimal;
    i++; /* e */
    bool minus = text.data[i] == '-';
    if (minus || text.data[i] == '+') i++;
    long exponent = 0;
    for (; i < text.size && exponent < EXPONENT_MAX; i++)
        exponent = exponent * 10 + (text.data[i] - '0');
    decimal.point += minus ? -exponent : exponent;
    return decimal;
}

/* The part before the point, if it is at most `most`; *out_fraction is the rest of the mantissa. */
static bool whole_part(
    const struct decimal *decimal, uint64_t most, uint64_t *out, struct bytes *out_fraction)
{
    uint64_t value = 0;
    const uint8_t *p = decimal->mantissa.data, *end = p + decimal->mantissa.size;
    for (long left = decimal->point; left > 0 && (p < end || value > 0); left--) {
        if (p < end && *p == '.') p++;
        uint64_t digit = p < end ? (uint64_t)(*p++ - '0') : 0;
        if (digit > most || value > (most - digit) / 10) return false;
        value = value * 10 + digit;
    }
    *out = value;
    *out_fraction = bytes_of(p, (size_t)(end - p));
    return true;
}

static bool is_zero(struct bytes fraction)
{
    for (size_t i = 0; i < fraction.size; i++)
        if (fraction.data[i] != '0' && fraction.data[i] != '.') return false;
    return true;
}

jwkd_status json_whole(const struct json *json, int node, int64_t *out)
{
    if (!json_is(json, node, JSON_NUMBER)) return JWKD_MALFORMED;
    struct decimal decimal = decimal_of(json->nodes[node].text);
    struct bytes fraction;
    uint64_t value, most = (uint64_t)INT64_MAX + decimal.negative;
    if (!whole_part(&decimal, most, &value, &fraction) || !is_zero(fraction)) return JWKD_MALFORMED;
    /* The least number has no counterpart above zero. */
    *out = !decimal.negative ? (int64_t)value : value == most ? INT64_MIN : -(int64_t)value;
    return JWKD_OK;
}

/* What is behind the point, in nanoseconds rounded up: 10^9 at most. */
static uint32_t fraction_ns(const struct decimal *decimal)
{
    enum { DIGITS = 9 };
    uint32_t ns = 0;
    bool more = false;
    long place = -decimal->point; /* of a digit: 0 is the first behind the point */
    for (const uint8_t *p = decimal->mantissa.data, *end = p + decimal->mantissa.size; p < end; p++) {
        if (*p == '.') continue;
        if (place >= DIGITS) more |= *p != '0';
        if (place >= 0 && place < DIGITS) {
            uint32_t digit = (uint32_t)(*p - '0');
            for (long below = place + 1; below < DIGITS; below++)
                digit *= 10;
            ns += digit;
        }
        place++;
    }
    return ns + more;
}

jwkd_status json_date(const struct json *json, int node, int64_t *out_sec, uint32_t *out_ns)
{
    /* What a double still tells apart, RFC 8259 section 6. */
    static const uint64_t LARGEST = UINT64_C(1) << 53;
    enum { SEC = 1000 * 1000 * 1000 };
    if (!json_is(json, node, JSON_NUMBER)) return JWKD_MALFORMED;
    struct decimal decimal = decimal_of(json->nodes[node].text);
    struct bytes fraction;
    uint64_t whole;
    if (!whole_part(&decimal, LARGEST, &whole, &fraction)) return JWKD_MALFORMED;
    int64_t sec = (int64_t)whole;
    uint32_t ns = fraction_ns(&decimal);
    if (decimal.negative) {
        sec = ns ? -sec - 1 : -sec;
        ns = ns ? SEC - ns : 0;
    } else if (ns == SEC) {
        sec++;
        ns = 0;
    }
    *out_sec = sec;
    *out_ns = ns;
    return JWKD_OK;
}

/* Appends what is not written as itself: quote, backslash and the control characters. */
static jwkd_status append_escaped(struct buffer *out, uint8_t c)
{
    if (c == '"' || c == '\\') {
        const uint8_t escape[2] = {'\\', c};
        return buffer_append(out, escape, sizeof escape);
    }
    return buffer_append_format(out, "\\u%04x", (unsigned)c);
}

static jwkd_status append_characters(struct buffer *out, struct bytes text)
{
    for (size_t i = 0; i < text.size;) {
        uint8_t c = text.data[i];
        size_t size = utf8_size(text.data + i, text.size - i);
        if (size == 0) return JWKD_MALFORMED;
        if (c < 0x20 || c == '"' || c == '\\') {
            TRY(append_escaped(out, c));
        } else {
            TRY(buffer_append(out, text.data + i, size));
        }
        i += size;
    }
    return JWKD_OK;
}

jwkd_status json_append_string(struct buffer *out, struct bytes text)
{
    size_t before = out->size;
    jwkd_status status = buffer_append_text(out, "\"");
    if (status == JWKD_OK) status = append_characters(out, text);
    if (status == JWKD_OK) status = buffer_append_text(out, "\"");
    if (status != JWKD_OK) out->size = before;
    return status;
}
