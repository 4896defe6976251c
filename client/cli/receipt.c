#include "cli/receipt.h"

#include <inttypes.h>
#include <string.h>

#include "cli/subscriber.h"

static json_t *line_json(const jwkd_receipt_line *line)
{
    json_t *object = subscriber_json(&line->subscriber);
    json_t *after_us = line->confirmed ? json_integer((json_int_t)line->after_us) : json_null();
    bool added = json_object_set_new(object, "confirmed", json_boolean(line->confirmed)) == 0;
    added = json_object_set_new(object, "gone", json_boolean(line->gone)) == 0 && added;
    added = json_object_set_new(object, "after_us", after_us) == 0 && added;
    if (added) return object;
    json_decref(object);
    return NULL;
}

json_t *receipt_json(const jwkd_receipt *receipt)
{
    json_t *lines = json_array();
    for (size_t i = 0; lines && i < receipt->count; i++) {
        if (json_array_append_new(lines, line_json(&receipt->lines[i])) == 0) continue;
        json_decref(lines);
        lines = NULL;
    }
    return json_pack("{s:I, s:I, s:b, s:b, s:b, s:b, s:I, s:I, s:o, s:I, s:o}", "revision",
        (json_int_t)receipt->revision, "at", (json_int_t)receipt->at, "complete", (int)receipt->complete,
        "bounded", (int)receipt->bounded, "unbounded", (int)receipt->unbounded, "forgotten",
        (int)receipt->forgotten, "effective_in_ms", (json_int_t)receipt->effective_in_ms,
        "effective_everywhere_by", (json_int_t)receipt->effective_everywhere_by, "last_expiry",
        receipt->last_expiry ? json_integer(receipt->last_expiry) : json_null(), "jwks_max_age_sec",
        (json_int_t)receipt->jwks_max_age_sec, "subscribers", lines);
}

bool receipt_is_final(const jwkd_receipt *receipt)
{
    /* Who serves stale keys and has not confirmed is never bounded: when all leases have run out, nothing
     * else is awaited. */
    return receipt->complete || receipt->bounded || receipt->effective_in_ms == 0;
}

/* ---- lines */

static bool is_done(const jwkd_receipt_line *line)
{
    return line->confirmed || line->gone;
}

static bool was_done(const jwkd_receipt *before, size_t index, const jwkd_receipt_line *line)
{
    if (!before) return false;
    /* Nearly always it stands where it stood. */
    for (size_t i = 0; i < before->count; i++) {
        const jwkd_receipt_line *other = &before->lines[(index + i) % before->count];
        if (strcmp(other->subscriber.instance, line->subscriber.instance) == 0) return is_done(other);
    }
    return false;
}

static void print_name(FILE *stream, const jwkd_subscriber *subscriber)
{
    print_text(stream, bytes_of_text(*subscriber->name ? subscriber->name : "(no name)"));
    fprintf(stream, " (%.*s)", SHORT_INSTANCE, subscriber->instance);
}

static void print_done(FILE *stream, const jwkd_receipt_line *line)
{
    char after[MOMENT_SIZE];
    elapsed_format(line->after_us, after);
    fputs("  ", stream);
    print_name(stream, &line->subscriber);
    if (line->confirmed)
        fprintf(stream, " refuses it, after %s\n", after);
    else
        fputs(" is gone\n", stream);
}

void receipt_print_news(FILE *stream, const jwkd_receipt *receipt, const jwkd_receipt *before)
{
    for (size_t i = 0; i < receipt->count; i++)
        if (is_done(&receipt->lines[i]) && !was_done(before, i, &receipt->lines[i]))
            print_done(stream, &receipt->lines[i]);
}

bool receipt_has_news(const jwkd_receipt *receipt, const jwkd_receipt *before)
{
    for (size_t i = 0; i < receipt->count; i++)
        if (is_done(&receipt->lines[i]) && !was_done(before, i, &receipt->lines[i])) return true;
    return false;
}

static void print_missing(FILE *stream, const jwkd_receipt *receipt)
{
    for (size_t i = 0; i < receipt->count; i++) {
        const jwkd_receipt_line *line = &receipt->lines[i];
        char seen[MOMENT_SIZE];
        if (is_done(line)) continue;
        elapsed_format(line->subscriber.last_seen_ms * 1000, seen);
        fputs("  ", stream);
        print_name(stream, &line->subscriber);
        fprintf(stream, " has not confirmed, last seen %s ago\n", seen);
    }
}

/* ---- the sum */

static size_t count_confirmed(const jwkd_receipt *receipt)
{
    size_t confirmed = 0;
    for (size_t i = 0; i < receipt->count; i++)
        confirmed += receipt->lines[i].confirmed;
    return confirmed;
}

static void print_count(FILE *stream, const jwkd_receipt *receipt)
{
    size_t confirmed = count_confirmed(receipt);
    uint64_t slowest_us = 0;
    char after[MOMENT_SIZE];
    for (size_t i = 0; i < receipt->count; i++)
        if (receipt->lines[i].confirmed && receipt->lines[i].after_us > slowest_us)
            slowest_us = receipt->lines[i].after_us;
    elapsed_format(slowest_us, after);
    if (receipt->forgotten)
        fputs("who followed it then is not known: that was before the service's last start, or long ago\n",
            stream);
    else if (receipt->count == 0)
        fputs("no subscriber is known that followed it\n", stream);
    else if (confirmed == 0)
        fprintf(stream, "none of %zu subscribers has confirmed\n", receipt->count);
    else
        fprintf(stream, "%zu of %zu subscribers refuse it, the last after %s\n", confirmed, receipt->count,
            after);
}

static void print_unbounded(FILE *stream, const jwkd_receipt *receipt)
{
    for (size_t i = 0; i < receipt->count; i++) {
        const jwkd_receipt_line *line = &receipt->lines[i];
        if (is_done(line) || !line->subscriber.serves_stale) continue;
        fputs("unbounded: ", stream);
        print_name(stream, &line->subscriber);
        fputs(" serves stale keys\n", stream);
    }
}

/* By when, whatever happens. */
static void print_bound(FILE *stream, const jwkd_receipt *receipt)
{
    char by[MOMENT_SIZE];
    moment_format(receipt->effective_everywhere_by, by);
    if (receipt->complete) {
        fputs("refused everywhere\n", stream);
        return;
    }
    if (receipt->unbounded) print_unbounded(stream, receipt);
    const char *who = receipt->unbounded ? "refused by everybody else"
                      : receipt->forgotten
                          ? "refused by all but those who serve stale keys, if there are any,"
                          : "refused everywhere";
    if (receipt->effective_in_ms)
        fprintf(stream, "%s by %s (in %" PRIu64 " s), whoever answers\n", who, by,
            ((uint64_t)receipt->effective_in_ms + 999) / 1000);
    else
        fprintf(stream, "%s%s every lease has run out\n", who, receipt->forgotten ? " for" : ":");
}

void receipt_format_progress(const jwkd_receipt *receipt, char out[RECEIPT_TEXT_SIZE])
{
    snprintf(out, RECEIPT_TEXT_SIZE, "%zu of %zu subscribers refuse it; at most %" PRIu64 " s more",
        count_confirmed(receipt), receipt->count, ((uint64_t)receipt->effective_in_ms + 999) / 1000);
}

void receipt_print_sum(FILE *stream, const jwkd_receipt *receipt, int64_t now)
{
    char at[MOMENT_SIZE], age[MOMENT_SIZE], max_age[MOMENT_SIZE];
    moment_format(receipt->last_expiry, at);
    moment_format_age(receipt->last_expiry, now, age);
    duration_format(receipt->jwks_max_age_sec, max_age);
    print_missing(stream, receipt);
    print_count(stream, receipt);
    print_bound(stream, receipt);
    if (receipt->jwks_max_age_sec)
        fprintf(stream,
            "not counted: readers of the JWKS over HTTP, who may keep it for %s; "
            "and whoever was given the key by hand\n",
            max_age);
    else
        fputs("not counted: whoever was given the key, or a copy of the JWKS, by hand\n", stream);
    if (receipt->last_expiry == 0)
        fputs("it signed no token\n", stream);
    else if (receipt->last_expiry > now)
        fprintf(stream, "its tokens would have lived until %s (%s)\n", at, age);
    else
        fprintf(stream, "the last of its tokens had expired by %s\n", at);
}
