#include "base/duration.h"

#include <inttypes.h>
#include <stdio.h>
#include <time.h>

static const struct unit {
    char letter;
    uint32_t seconds;
} UNITS[] = {{'d', 24 * 60 * 60}, {'h', 60 * 60}, {'m', 60}, {'s', 1}};
enum { UNIT_COUNT = sizeof UNITS / sizeof *UNITS };

/* Reads the digits that *text begins with, and takes them away from it. */
static jwkd_status parse_digits(struct bytes *text, uint32_t *out)
{
    uint64_t number = 0;
    size_t i = 0;
    for (; i < text->size && text->data[i] >= '0' && text->data[i] <= '9' && number <= UINT32_MAX; i++)
        number = number * 10 + (uint64_t)(text->data[i] - '0');
    if (i == 0 || number > UINT32_MAX) return JWKD_INVALID_ARGUMENT;
    *text = bytes_of(text->data + i, text->size - i);
    *out = (uint32_t)number;
    return JWKD_OK;
}

jwkd_status number_parse(struct bytes text, uint32_t *out)
{
    uint32_t number = 0;
    TRY(parse_digits(&text, &number));
    if (text.size) return JWKD_INVALID_ARGUMENT;
    *out = number;
    return JWKD_OK;
}

jwkd_status duration_parse(struct bytes text, uint32_t *out_sec)
{
    uint32_t number = 0;
    TRY(parse_digits(&text, &number));
    uint64_t seconds = text.size ? 0 : 1;
    if (text.size == 1)
        for (size_t i = 0; i < UNIT_COUNT; i++)
            if (UNITS[i].letter == text.data[0]) seconds = UNITS[i].seconds;
    if (seconds == 0 || number * seconds > UINT32_MAX) return JWKD_INVALID_ARGUMENT;
    *out_sec = (uint32_t)(number * seconds);
    return JWKD_OK;
}

void duration_format(uint32_t duration_sec, char out[MOMENT_SIZE])
{
    size_t i = 0;
    while (i + 1 < UNIT_COUNT && (duration_sec == 0 || duration_sec % UNITS[i].seconds != 0))
        i++;
    snprintf(out, MOMENT_SIZE, "%" PRIu32 "%c", duration_sec / UNITS[i].seconds, UNITS[i].letter);
}

void elapsed_format(uint64_t elapsed_us, char out[MOMENT_SIZE])
{
    bool seconds = elapsed_us >= 1000 * 1000;
    uint64_t tenths = elapsed_us / (seconds ? 100 * 1000 : 100);
    const char *unit = seconds ? "s" : "ms";
    if (tenths < 100)
        snprintf(out, MOMENT_SIZE, "%" PRIu64 ".%" PRIu64 " %s", tenths / 10, tenths % 10, unit);
    else
        snprintf(out, MOMENT_SIZE, "%" PRIu64 " %s", tenths / 10, unit);
}

bool moment_in_calendar(int64_t at, char out[MOMENT_SIZE])
{
    time_t seconds = (time_t)at;
    struct tm calendar;
    /* Years of four digits only, as RFC 3339 has them. */
    return at >= -INT64_C(62167219200) && at <= INT64_C(253402300799) && gmtime_r(&seconds, &calendar) &&
           strftime(out, MOMENT_SIZE, "%Y-%m-%dT%H:%M:%SZ", &calendar) > 0;
}

void moment_format(int64_t at, char out[MOMENT_SIZE])
{
    if (!moment_in_calendar(at, out)) snprintf(out, MOMENT_SIZE, "%" PRId64, at);
}

void moment_format_age(int64_t at, int64_t now, char out[MOMENT_SIZE])
{
    /* Unsigned, so that no token's numbers can overflow it. */
    uint64_t distance = at > now ? (uint64_t)at - (uint64_t)now : (uint64_t)now - (uint64_t)at;
    if (distance == 0) {
        snprintf(out, MOMENT_SIZE, "now");
        return;
    }
    size_t i = 0;
    while (distance < UNITS[i].seconds)
        i++;
    snprintf(out, MOMENT_SIZE, at > now ? "in %" PRIu64 "%c" : "%" PRIu64 "%c ago",
        distance / UNITS[i].seconds, UNITS[i].letter);
}
