/* Asking the service about itself. */
#include "base/clock.h"
#include "lib/ask/block.h"
#include "lib/connection/call.h"

jwkd_status jwkd_ping(jwkd_client *client, uint64_t *out_round_trip_us, jwkd_error *error)
{
    TRY(client_check(client, error));
    uint64_t start_ns = clock_elapsed_ns();
    TRY(client_hello(client, client->timeout_ms, error));
    if (out_round_trip_us) *out_round_trip_us = (clock_elapsed_ns() - start_ns) / 1000;
    return JWKD_OK;
}

static const char *hex_text(struct block *block, struct bytes bytes)
{
    char *text = block_take(block, 2 * bytes.size + 1);
    if (text) bytes_to_hex(bytes, text);
    return text;
}

static void *lay_out_status(struct block *block, const void *from)
{
    const Jwkd__V1__StatusReply *reply = from;
    jwkd_service_status *out = block_take(block, sizeof *out);
    jwkd_reserve_status *reserves = block_take(block, reply->n_reserves * sizeof *reserves);
    for (size_t i = 0; i < reply->n_reserves; i++) {
        jwkd_reserve_status row = {.key_type = block_text(block, reply->reserves[i]->key_type),
            .ready = reply->reserves[i]->ready,
            .wanted = reply->reserves[i]->wanted};
        if (reserves) reserves[i] = row;
    }
    jwkd_service_status status = {
        .version = block_text(block, reply->service_version),
        .boot_id = hex_text(block, wire_view(reply->boot_id)),
        .epoch = hex_text(block, wire_view(reply->epoch)),
        .store = block_text(block, reply->store),
        .uptime_sec = reply->uptime_sec,
        .service_revision = reply->service_revision,
        .environments = reply->environments,
        .active_keys = reply->active_keys,
        .keys_in_signer = reply->keys_in_signer,
        .memory_locked = reply->memory_locked,
        .requests = reply->requests,
        .requests_failed = reply->requests_failed,
        .requests_busy = reply->requests_busy,
        .tokens_signed = reply->tokens_signed,
        .tokens_verified = reply->tokens_verified,
        .changes = reply->changes,
        .commits = reply->commits,
        .reserve_count = reply->n_reserves,
        .reserves = reserves,
        .signing_refused_until = reply->signing_refused_until,
        .signing_refused_because = block_text(block, reply->signing_refused_because),
        .clock_accepted_at = reply->clock_accepted_at,
        .clock_accepted_seen = reply->clock_accepted_seen,
        .clock_accepted_by = block_text(block, reply->clock_accepted_by),
    };
    if (out) *out = status;
    return out;
}

jwkd_status jwkd_get_status(jwkd_client *client, jwkd_service_status **out, jwkd_error *error)
{
    Jwkd__V1__StatusRequest status = JWKD__V1__STATUS_REQUEST__INIT;
    Jwkd__V1__Request request = JWKD__V1__REQUEST__INIT;
    request.operation_case = JWKD__V1__REQUEST__OPERATION_STATUS;
    request.status = &status;
    CLEANUP(reply_free_at) struct reply *reply = NULL;
    TRY(client_call(client, &request, JWKD__V1__REPLY__RESULT_SERVICE_STATUS, NULL, &reply, error));
    void *block;
    if (block_build(lay_out_status, reply->message->service_status, &block) != JWKD_OK)
        return fail(error, JWKD_NO_MEMORY, "out of memory");
    *out = block;
    return JWKD_OK;
}
