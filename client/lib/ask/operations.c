/* What goes on after a change: promotions that wait, who follows, who has confirmed. */
#include "base/clock.h"
#include "lib/ask/answer.h"
#include "lib/ask/pages.h"
#include "lib/connection/call.h"

enum { FIRST_POLL_MS = 5, LONGEST_POLL_MS = 250 };

static jwkd_status build(block_layout *layout, const void *from, void **out, jwkd_error *error)
{
    return block_build(layout, from, out) == JWKD_OK ? JWKD_OK : fail(error, JWKD_NO_MEMORY, "out of memory");
}

/* ---- operations */

static void *lay_out_operation(struct block *block, const void *from)
{
    return (void *)(uintptr_t)answer_operation(block, from); /* the block is the caller's to keep */
}

jwkd_status jwkd_get_operation(jwkd_client *client, const char *id, jwkd_operation **out, jwkd_error *error)
{
    uint8_t bytes[16];
    TRY(client_check(client, error));
    if (!id || !bytes_from_hex(bytes_of_text(id), bytes, sizeof bytes))
        return fail(error, JWKD_INVALID_ARGUMENT, "an operation's id is 32 hexadecimal digits");
    Jwkd__V1__GetOperationRequest get = JWKD__V1__GET_OPERATION_REQUEST__INIT;
    get.id = wire_bytes(bytes_of(bytes, sizeof bytes));
    Jwkd__V1__Request request = JWKD__V1__REQUEST__INIT;
    request.operation_case = JWKD__V1__REQUEST__OPERATION_GET_OPERATION;
    request.get_operation = &get;
    CLEANUP(reply_free_at) struct reply *reply = NULL;
    TRY(client_call(client, &request, JWKD__V1__REPLY__RESULT_OPERATION, NULL, &reply, error));
    const Jwkd__V1__Operation *operation = reply->message->operation->operation;
    if (!operation) return fail(error, JWKD_MALFORMED, "the service's answer lacks the operation");
    void *block;
    TRY(build(lay_out_operation, operation, &block, error));
    *out = block;
    return JWKD_OK;
}

jwkd_status jwkd_await_operation(jwkd_client *client, const char *id, uint32_t wait_ms,
    jwkd_on_operation *on_progress, void *context, jwkd_operation **out, jwkd_error *error)
{
    TRY(client_check(client, error));
    TRY(client_enter(client, error));
    CLEANUP(client_leave_at) jwkd_client *entered = client;
    uint64_t start_ns = clock_elapsed_ns();
    for (uint64_t poll_ms = FIRST_POLL_MS;;
         poll_ms = poll_ms * 2 < LONGEST_POLL_MS ? poll_ms * 2 : LONGEST_POLL_MS) {
        jwkd_operation *operation = NULL;
        TRY(jwkd_get_operation(entered, id, &operation, error));
        if (operation->phase != JWKD_PHASE_WAITING) {
            *out = operation;
            return JWKD_OK;
        }
        if (on_progress) on_progress(context, operation);
        uint64_t waited_ms = (clock_elapsed_ns() - start_ns) / NS_PER_MS;
        jwkd_status status =
            waited_ms < wait_ms
                ? JWKD_OK
                : fail(error, JWKD_TIMED_OUT, "the key is not primary yet: %.150s", operation->reason);
        jwkd_free(operation);
        TRY(status);
        TRY(client_pause(client, poll_ms < wait_ms - waited_ms ? poll_ms : wait_ms - waited_ms, error));
    }
}

/* ---- subscribers */

static jwkd_subscriber subscriber_of(struct block *block, const Jwkd__V1__Subscriber *from)
{
    return (jwkd_subscriber){
        .instance = answer_hex(block, from->instance_id),
        .name = block_text(block, from->name),
        .principal = block_text(block, from->principal),
        .environment = block_text(block, from->environment),
        .revision = from->revision,
        .behind = from->behind,
        .lease_ms = from->lease_ms,
        .serves_stale = from->serves_stale,
        .last_seen_ms = from->last_seen_ms,
        .registered_ms = from->registered_ms,
    };
}

static void *lay_out_subscribers(struct block *block, const void *from)
{
    const struct pages *pages = from;
    size_t count = 0, filled = 0;
    for (size_t i = 0; i < pages->count; i++)
        count += pages->replies[i]->message->subscribers->n_subscribers;
    jwkd_subscriber_list *out = block_take(block, sizeof *out);
    jwkd_subscriber *rows = block_take(block, count * sizeof *rows);
    for (size_t i = 0; i < pages->count; i++) {
        const Jwkd__V1__ListSubscribersReply *page = pages->replies[i]->message->subscribers;
        for (size_t j = 0; j < page->n_subscribers; j++) {
            jwkd_subscriber row = subscriber_of(block, page->subscribers[j]);
            if (rows) rows[filled++] = row;
        }
    }
    if (out) *out = (jwkd_subscriber_list){.count = count, .subscribers = rows};
    return out;
}

jwkd_status jwkd_get_subscribers(
    jwkd_client *client, const char *environment, jwkd_subscriber_list **out, jwkd_error *error)
{
    TRY(client_check(client, error));
    if (environment) TRY(check_environment_name(environment, error));
    TRY(client_enter(client, error));
    CLEANUP(client_leave_at) jwkd_client *entered = client;
    CLEANUP(pages_clear) struct pages pages = {0};
    TRY(pages_get_subscribers(entered, environment, &pages, error));
    void *block;
    TRY(build(lay_out_subscribers, &pages, &block, error));
    *out = block;
    return JWKD_OK;
}

/* ---- receipts */

static void *lay_out_receipt(struct block *block, const void *from)
{
    const Jwkd__V1__Receipt *receipt = from;
    jwkd_receipt *out = block_take(block, sizeof *out);
    jwkd_receipt_line *lines = block_take(block, receipt->n_lines * sizeof *lines);
    jwkd_receipt answer = {
        .environment = block_text(block, receipt->environment),
        .kid = block_text(block, receipt->kid),
        .revision = receipt->revision,
        .at = receipt->at,
        .complete = receipt->complete,
        .bounded = receipt->bounded,
        .unbounded = receipt->unbounded,
        .forgotten = receipt->forgotten,
        .effective_in_ms = receipt->effective_in_ms,
        .effective_everywhere_by = receipt->effective_everywhere_by,
        .last_expiry = receipt->last_expiry,
        .jwks_max_age_sec = receipt->jwks_max_age_sec,
        .count = receipt->n_lines,
        .lines = lines,
    };
    for (size_t i = 0; i < receipt->n_lines; i++) {
        const Jwkd__V1__Receipt__Line *line = receipt->lines[i];
        jwkd_receipt_line row = {
            .subscriber = subscriber_of(block, line->subscriber),
            .confirmed = line->confirmed,
            .gone = line->gone,
            .after_us = line->after_us,
        };
        if (lines) lines[i] = row;
    }
    if (out) *out = answer;
    return out;
}

jwkd_status jwkd_get_receipt(
    jwkd_client *client, const char *environment, const char *kid, jwkd_receipt **out, jwkd_error *error)
{
    TRY(client_check(client, error));
    TRY(check_environment_name(environment, error));
    TRY(check_kid(kid, error));
    Jwkd__V1__GetReceiptRequest get = JWKD__V1__GET_RECEIPT_REQUEST__INIT;
    get.environment = wire_text(environment);
    get.kid = wire_text(kid);
    Jwkd__V1__Request request = JWKD__V1__REQUEST__INIT;
    request.operation_case = JWKD__V1__REQUEST__OPERATION_GET_RECEIPT;
    request.get_receipt = &get;
    CLEANUP(reply_free_at) struct reply *reply = NULL;
    TRY(client_call(client, &request, JWKD__V1__REPLY__RESULT_RECEIPT, NULL, &reply, error));
    const Jwkd__V1__Receipt *receipt = reply->message->receipt->receipt;
    bool whole = receipt != NULL;
    for (size_t i = 0; whole && i < receipt->n_lines; i++)
        whole = receipt->lines[i]->subscriber != NULL;
    if (!whole) return fail(error, JWKD_MALFORMED, "the service's answer lacks the receipt");
    void *block;
    TRY(build(lay_out_receipt, receipt, &block, error));
    *out = block;
    return JWKD_OK;
}
