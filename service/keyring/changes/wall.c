#include "keyring/changes/wall.h"

#include <inttypes.h>
#include <stdio.h>
#include <time.h>

#include "base/clock.h"
#include "keyring/age.h"
#include "keyring/changes/queue.h"
#include "keyring/records/rows.h"
#include "keyring/records/service_row.h"

#define ACCEPTED_ROWS "clock/"

enum { MOMENT = 32 };

/* RFC 3339; as a number where the year has not four digits. */
static const char *format(int64_t at, char out[MOMENT])
{
    time_t seconds = (time_t)at;
    struct tm utc;
    bool calendar = at >= 0 && at <= INT64_C(253402300799) && gmtime_r(&seconds, &utc);
    if (!calendar || strftime(out, MOMENT, "%Y-%m-%dT%H:%M:%SZ", &utc) == 0)
        snprintf(out, MOMENT, "%" PRId64, at);
    return out;
}

/* ---- refusing */

static void explain(const struct keyring *keyring, int64_t now, char out[WALL_REASON])
{
    char present[MOMENT], seen[MOMENT];
    snprintf(out, WALL_REASON,
        "the clock says %s, and the keys were changed, or signed, when it said %s: set it right; if it is "
        "right "
        "now, start once with jwkd --accept-clock",
        format(now, present), format(keyring->wall.high, seen));
}

jwkd_status wall_check(struct keyring *keyring, const struct ring_environment *environment, jwkd_error *error)
{
    int64_t now = clock_wall_sec(), until = keyring->wall.high - environment->settings.leeway_sec;
    char moment[MOMENT], reason[WALL_REASON];
    if (now >= until) return JWKD_OK;
    if (!atomic_exchange(&keyring->wall.refuses, true)) keyring_poke(keyring); /* the writer tells it */
    explain(keyring, now, reason);
    return fail(error, JWKD_UNAVAILABLE, "nothing is signed before %s: %s", format(until, moment), reason);
}

int64_t wall_refused_until(
    const struct keyring *keyring, const struct snapshot *snapshot, char out_reason[WALL_REASON])
{
    int64_t now = clock_wall_sec();
    uint32_t leeway_sec = LIMIT_LEEWAY_SEC;
    for (size_t i = 0; i < snapshot->count; i++)
        if (snapshot->environments[i]->settings.leeway_sec < leeway_sec)
            leeway_sec = snapshot->environments[i]->settings.leeway_sec;
    int64_t until = keyring->wall.high - leeway_sec;
    if (now >= until) return 0;
    explain(keyring, now, out_reason);
    return until;
}

void wall_watch(struct keyring *keyring)
{
    char moment[MOMENT], reason[WALL_REASON], text[2 * WALL_REASON];
    int64_t until = wall_refused_until(keyring, keyring->present.snapshot, reason);
    if (until) {
        atomic_store(&keyring->wall.refuses, true);
        if (until == keyring->wall.told) return;
        snprintf(text, sizeof text, "nothing is signed before %s: %s", format(until, moment), reason);
        keyring_trouble(keyring, JWKD_UNAVAILABLE, text);
    } else {
        atomic_store(&keyring->wall.refuses, false);
        if (keyring->wall.told)
            keyring_trouble(keyring, JWKD_OK, "the clock is right again: signing goes on");
    }
    keyring->wall.told = until;
}

/* ---- accepting */

static bool take_accepted(void *context, const struct store_row *row)
{
    struct keyring *keyring = context;
    CLEANUP(arena_clear) struct arena arena;
    ProtobufCMessage *message;
    if (wire_unpack(&jwkd__row__clock_accepted__descriptor, row->value, &arena, &message) != JWKD_OK)
        return true; /* nothing depends on it: it is only shown */
    const Jwkd__Row__ClockAccepted *accepted = (const Jwkd__Row__ClockAccepted *)message;
    keyring->wall.accepted.at = accepted->at;
    keyring->wall.accepted.seen = accepted->seen;
    snprintf(keyring->wall.accepted.by, sizeof keyring->wall.accepted.by, "%s", accepted->by);
    return true;
}

jwkd_status wall_load(struct keyring *keyring)
{
    return store_list(keyring->options.store, bytes_of_text(ACCEPTED_ROWS), (struct bytes){0}, take_accepted,
        keyring); /* sorted by the store's age, so the last one stays */
}

/* Writes the record of the acceptance, and the service's row with the instant that counts from now on. */
static jwkd_status store_accepted(struct keyring *keyring, const Jwkd__Row__Service *row,
    const struct wall_accepted *accepted, jwkd_error *error)
{
    Jwkd__Row__Service service = *row;
    Jwkd__Row__ClockAccepted message = JWKD__ROW__CLOCK_ACCEPTED__INIT;
    CLEANUP(buffer_clear) struct buffer packed = {0};
    char name[64];
    service.wall_high = accepted->at;
    message.at = accepted->at;
    message.seen = accepted->seen;
    message.by = wire_text(accepted->by);
    TRY(wire_pack(&message.base, &packed));
    /* Named by the store's age: readings of the clock would not sort in the order in which they were
     * written. */
    snprintf(name, sizeof name, ACCEPTED_ROWS "%016" PRIx64, age_ns(keyring));
    struct store_write writes[2] = {
        [1] = {.key = bytes_of_text(name), .value = buffer_bytes(&packed), .expected = STORE_ANY}};
    return service_row_rewrite(keyring, &service, writes, sizeof writes / sizeof *writes, error);
}

/* Tells of keys that signed while the clock was ahead: their tokens are valid for longer than any should
 * be. */
static void tell_of_keys(
    const struct keyring *keyring, struct ring_environment *const *environments, size_t count, int64_t now)
{
    char moment[MOMENT], text[2 * WALL_REASON];
    for (size_t i = 0; i < count; i++)
        for (size_t j = 0; j < environments[i]->count; j++) {
            const struct ring_key *key = environments[i]->keys[j];
            int64_t longest = ring_key_longest_lifetime(environments[i], key),
                    last = atomic_load(&key->usage->last.expiry);
            if (!key_state_live(key->state) || last <= now + longest + key_usage_step((uint32_t)longest))
                continue;
            snprintf(text, sizeof text,
                "the key %.64s of \"%s\" may have signed tokens that are valid until %s, and does not retire "
                "before: replace and deactivate it, if they must not be",
                jwk_kid(key->jwk), environments[i]->settings.name, format(last, moment));
            keyring_trouble(keyring, JWKD_OK, text);
        }
}

static void tell(const struct keyring *keyring, const struct wall_accepted *accepted, jwkd_status status)
{
    char present[MOMENT], seen[MOMENT], text[2 * WALL_REASON];
    if (status == JWKD_OK)
        snprintf(text, sizeof text,
            "the clock was accepted, as %.200s asked: signing goes on at %s, although the keys were changed, "
            "or "
            "signed, when it said %s",
            accepted->by, format(accepted->at, present), format(accepted->seen, seen));
    else
        snprintf(text, sizeof text, "the clock was not accepted: that could not be written to the store");
    keyring_trouble(keyring, status, text);
}

void wall_accept(struct keyring *keyring, const Jwkd__Row__Service *row,
    struct ring_environment *const *environments, size_t count)
{
    struct wall_accepted accepted = {.at = clock_wall_sec(), .seen = keyring->wall.high};
    jwkd_error error = {0};
    if (!keyring->options.accept_clock) return;
    if (accepted.at >= accepted.seen) {
        keyring_trouble(
            keyring, JWKD_OK, "there was no clock to accept: it is not behind what the keys have seen");
        return;
    }
    const char *by = keyring->options.operator;
    snprintf(accepted.by, sizeof accepted.by, "%s", by ? by : "an unknown user");
    jwkd_status status = store_accepted(keyring, row, &accepted, &error);
    if (status == JWKD_OK) {
        keyring->wall.high = accepted.at;
        keyring->wall.accepted = accepted;
    }
    tell(keyring, &accepted, status);
    if (status == JWKD_OK) tell_of_keys(keyring, environments, count, accepted.at);
}
