#include <inttypes.h>

#include "base/clock.h"
#include "base/duration.h"
#include "cli/output.h"
#include "cli/session.h"

static json_t *reserves_json(const jwkd_service_status *status)
{
    json_t *reserves = json_array();
    for (size_t i = 0; reserves && i < status->reserve_count; i++) {
        const jwkd_reserve_status *reserve = &status->reserves[i];
        json_array_append_new(
            reserves, json_pack("{s:s, s:I, s:I}", "key_type", reserve->key_type, "ready",
                          (json_int_t)reserve->ready, "wanted", (json_int_t)reserve->wanted));
    }
    return reserves;
}

/* NULL, which is written as null: there is nothing to tell. */
static json_t *refusal_json(const jwkd_service_status *status)
{
    if (!status->signing_refused_until) return NULL;
    return json_pack("{s:I, s:s}", "until", (json_int_t)status->signing_refused_until, "because",
        status->signing_refused_because);
}

static json_t *accepted_json(const jwkd_service_status *status)
{
    if (!status->clock_accepted_at) return NULL;
    return json_pack("{s:I, s:I, s:s}", "at", (json_int_t)status->clock_accepted_at, "seen",
        (json_int_t)status->clock_accepted_seen, "by", status->clock_accepted_by);
}

static json_t *status_json(const jwkd_service_status *status)
{
    return json_pack("{s:s, s:s, s:s, s:s, s:I, s:I, s:I, s:I, s:I, s:b, s:I, s:I, s:I, s:I, s:I, s:I, s:I, "
                     "s:o, s:o?, s:o?}",
        "version", status->version, "boot_id", status->boot_id, "epoch", status->epoch, "store",
        status->store, "uptime_sec", (json_int_t)status->uptime_sec, "service_revision",
        (json_int_t)status->service_revision, "environments", (json_int_t)status->environments, "active_keys",
        (json_int_t)status->active_keys, "keys_in_signer", (json_int_t)status->keys_in_signer,
        "memory_locked", (int)status->memory_locked, "requests", (json_int_t)status->requests,
        "requests_failed", (json_int_t)status->requests_failed, "requests_busy",
        (json_int_t)status->requests_busy, "tokens_signed", (json_int_t)status->tokens_signed,
        "tokens_verified", (json_int_t)status->tokens_verified, "changes", (json_int_t)status->changes,
        "commits", (json_int_t)status->commits, "reserves", reserves_json(status), "signing_refused",
        refusal_json(status), "clock_accepted", accepted_json(status));
}

static void print_clock(const jwkd_service_status *status)
{
    char until[MOMENT_SIZE], seen[MOMENT_SIZE];
    if (status->signing_refused_until) {
        moment_format(status->signing_refused_until, until);
        print_field("signing", "refused until %s", until);
        print_text_field("", status->signing_refused_because);
    }
    if (!status->clock_accepted_at) return;
    moment_format(status->clock_accepted_seen, seen);
    print_moment("clock accepted", status->clock_accepted_at);
    print_field("", "by %s, behind %s", status->clock_accepted_by, seen);
}

static void print_status(const jwkd_service_status *status)
{
    print_field("version", "%s", status->version);
    print_field("store", "%s, revision %" PRIu64 ", epoch %s", status->store, status->service_revision,
        status->epoch);
    print_field("boot", "%s", status->boot_id);
    print_moment("started", clock_wall_sec() - (int64_t)status->uptime_sec);
    print_field(
        "environments", "%" PRIu32 ", %" PRIu32 " active keys", status->environments, status->active_keys);
    print_field("signer", "%" PRIu32 " keys at hand, memory %s", status->keys_in_signer,
        status->memory_locked ? "locked" : "not locked");
    print_field(
        "tokens", "%" PRIu64 " signed, %" PRIu64 " verified", status->tokens_signed, status->tokens_verified);
    print_field("requests", "%" PRIu64 ", %" PRIu64 " failed, %" PRIu64 " turned away busy", status->requests,
        status->requests_failed, status->requests_busy);
    print_clock(status);
    print_field("changes", "%" PRIu64 " in %" PRIu64 " commits", status->changes, status->commits);
    for (size_t i = 0; i < status->reserve_count; i++)
        print_field(i ? "" : "reserve", "%s: %" PRIu32 " of %" PRIu32 " ready", status->reserves[i].key_type,
            status->reserves[i].ready, status->reserves[i].wanted);
}

static jwkd_status status(struct cli *cli, jwkd_error *error)
{
    CLEANUP(jwkd_close_at) jwkd_client *client = NULL;
    CLEANUP(free_answer) jwkd_service_status *answer = NULL;
    TRY(session_open(cli, &client, error));
    TRY(jwkd_get_status(client, &answer, error));
    if (cli->json) return print_json(status_json(answer), error);
    print_status(answer);
    return JWKD_OK;
}

const struct verb VERB_STATUS = {
    .name = "status",
    .words = "",
    .summary = "show how the service is",
    .details = "",
    .run = status,
};
