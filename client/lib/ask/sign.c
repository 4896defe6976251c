#include <errno.h>
#include <semaphore.h>
#include <stdlib.h>

#include "base/clock.h"
#include "lib/ask/block.h"
#include "lib/ask/coalesce.h"
#include "lib/ask/sign_item.h"
#include "lib/connection/call.h"

static jwkd_status check(jwkd_client *client, const char *environment, const jwkd_sign_item *items,
    size_t count, jwkd_error *error)
{
    TRY(client_check(client, error));
    TRY(check_environment_name(environment, error));
    if (count == 0 || count > LIMIT_BATCH || !items)
        return fail(error, JWKD_INVALID_ARGUMENT, "one request signs 1 to %d tokens", (int)LIMIT_BATCH);
    for (size_t i = 0; i < count; i++)
        TRY(sign_item_check(&items[i], error));
    return JWKD_OK;
}

enum { ENVELOPE = 1024 + LIMIT_CREDENTIAL }; /* what a request has besides what is to be signed, at most */

/* How large the part is, which has to fit into a request. */
static jwkd_status measure(const char *environment, struct sign_part *part, jwkd_error *error)
{
    Jwkd__V1__SignRequest sign = JWKD__V1__SIGN_REQUEST__INIT;
    sign.environment = wire_text(environment);
    sign.items = part->items;
    sign.n_items = part->count;
    part->bytes = jwkd__v1__sign_request__get_packed_size(&sign);
    if (part->bytes <= LIMIT_REQUEST - ENVELOPE) return JWKD_OK;
    return fail(error, JWKD_INVALID_ARGUMENT, "these claims sets are too large for one request");
}

static void set_time(const jwkd_client *client, struct sign_part *part)
{
    part->asked_ns = clock_elapsed_ns();
    part->expires_ns = part->asked_ns + client->timeout_ms * NS_PER_MS;
}

/* ---- what is answered */

/* What the service says of one of the part's tokens. */
static jwkd_status token_at(
    const Jwkd__V1__SignReply *reply, size_t index, const char **out, jwkd_error *error)
{
    const Jwkd__V1__SignedToken *token = reply->tokens[index];
    jwkd_status status = wire_status(token->status);
    if (status == JWKD_OK && *token->token) {
        *out = token->token;
        return JWKD_OK;
    }
    return fail(error, status == JWKD_OK ? JWKD_INTERNAL : status, "%s", token->message);
}

/* A part's own of a reply. */
struct own_tokens {
    const Jwkd__V1__SignReply *reply;
    size_t first, count;
};

static void *lay_out_signed(struct block *block, const void *from)
{
    const struct own_tokens *own = from;
    jwkd_signed_list *out = block_take(block, sizeof *out);
    jwkd_signed_token *tokens = block_take(block, own->count * sizeof *tokens);
    for (size_t i = 0; i < own->count; i++) {
        const Jwkd__V1__SignedToken *token = own->reply->tokens[own->first + i];
        jwkd_signed_token one = {
            .status = wire_status(token->status),
            .message = block_text(block, token->message),
            .token = block_text(block, token->token),
            .expires_at = token->expires_at,
        };
        if (tokens) tokens[i] = one;
    }
    jwkd_signed_list list = {
        .kid = block_text(block, own->reply->kid), .count = own->count, .tokens = tokens};
    if (out) *out = list;
    return out;
}

static jwkd_status lay_out_list(const struct own_tokens *own, void **out, jwkd_error *error)
{
    return block_build(lay_out_signed, own, out) == JWKD_OK ? JWKD_OK
                                                            : fail(error, JWKD_NO_MEMORY, "out of memory");
}

/* ---- waiting */

/* Whoever waits for a part. */
struct waiting {
    struct sign_part part; /* first: done() is given a pointer to it */
    sem_t ended;
    jwkd_status status;
    void *block; /* what it becomes */
    jwkd_error error;
};

static void waiting_end(struct waiting *waiting, jwkd_status status, const jwkd_error *error)
{
    if (status != JWKD_OK && error != &waiting->error) waiting->error = *error;
    waiting->status = status;
    sem_post(&waiting->ended);
}

static jwkd_status wait_for(
    jwkd_client *client, const char *environment, struct waiting *waiting, void **out, jwkd_error *error)
{
    set_time(client, &waiting->part);
    waiting->part.waits = true;
    sem_init(&waiting->ended, 0, 0);
    jwkd_status status = coalesce(client, environment, &waiting->part, error);
    if (status == JWKD_OK) {
        while (sem_wait(&waiting->ended) != 0 && errno == EINTR)
            continue;
        status = waiting->status;
        if (status == JWKD_OK)
            *out = waiting->block;
        else if (error)
            *error = waiting->error;
    }
    sem_destroy(&waiting->ended);
    return status;
}

static void take_token(struct sign_part *part, jwkd_status status, const Jwkd__V1__SignReply *reply,
    size_t first, const jwkd_error *error)
{
    struct waiting *waiting = (struct waiting *)part;
    const char *token;
    char *copy = NULL;
    if (status == JWKD_OK) {
        error = &waiting->error;
        status = token_at(reply, first, &token, &waiting->error);
        if (status == JWKD_OK && block_from_text(bytes_of_text(token), &copy) != JWKD_OK)
            status = fail(&waiting->error, JWKD_NO_MEMORY, "out of memory");
    }
    waiting->block = copy;
    waiting_end(waiting, status, error);
}

jwkd_status jwkd_sign(jwkd_client *client, const char *environment, const jwkd_sign_item *item,
    char **out_token, jwkd_error *error)
{
    TRY(check(client, environment, item, 1, error));
    char *audiences[LIMIT_AUDIENCES];
    Jwkd__V1__SignItem wire = sign_item_wire(item, audiences), *items[] = {&wire};
    struct waiting waiting = {.part = {.items = items,
                                  .count = 1,
                                  .bytes = jwkd__v1__sign_item__get_packed_size(&wire),
                                  .done = take_token}};
    void *token;
    TRY(wait_for(client, environment, &waiting, &token, error));
    *out_token = token;
    return JWKD_OK;
}

static void take_list(struct sign_part *part, jwkd_status status, const Jwkd__V1__SignReply *reply,
    size_t first, const jwkd_error *error)
{
    struct waiting *waiting = (struct waiting *)part;
    const struct own_tokens own = {.reply = reply, .first = first, .count = part->count};
    if (status == JWKD_OK) {
        error = &waiting->error;
        status = lay_out_list(&own, &waiting->block, &waiting->error);
    }
    waiting_end(waiting, status, error);
}

jwkd_status jwkd_sign_many(jwkd_client *client, const char *environment, const jwkd_sign_item *items,
    size_t count, jwkd_signed_list **out, jwkd_error *error)
{
    TRY(check(client, environment, items, count, error));
    size_t audiences = 0;
    for (size_t i = 0; i < count; i++)
        audiences += items[i].audience_count;
    CLEANUP(free_at) Jwkd__V1__SignItem *wire = malloc(count * sizeof *wire);
    CLEANUP(free_at) char **texts = malloc((audiences + 1) * sizeof *texts);
    if (!wire || !texts) return fail(error, JWKD_NO_MEMORY, "out of memory");
    Jwkd__V1__SignItem *pointers[LIMIT_BATCH];
    char **next = texts;
    for (size_t i = 0; i < count; i++) {
        wire[i] = sign_item_wire(&items[i], next);
        next += items[i].audience_count;
        pointers[i] = &wire[i];
    }
    struct waiting waiting = {.part = {.items = pointers, .count = count, .done = take_list}};
    TRY(measure(environment, &waiting.part, error));
    void *list;
    TRY(wait_for(client, environment, &waiting, &list, error));
    *out = list;
    return JWKD_OK;
}

/* ---- not waiting */

/* What is signed while nobody waits, with a copy of it all; one of the two is called in the end. */
struct async_sign {
    struct sign_part part; /* first: done() is given a pointer to it */
    jwkd_sign_done *done;
    jwkd_sign_many_done *many_done;
    void *context;
};

struct items {
    const jwkd_sign_item *items;
    size_t count;
};

static void pass_token_on(struct sign_part *part, jwkd_status status, const Jwkd__V1__SignReply *reply,
    size_t first, const jwkd_error *error)
{
    struct async_sign *async = (struct async_sign *)part;
    const char *token = NULL;
    jwkd_error own;
    if (status == JWKD_OK) {
        status = token_at(reply, first, &token, &own);
        error = status == JWKD_OK ? NULL : &own;
    }
    async->done(async->context, status, token, error);
    jwkd_free(async);
}

static void pass_list_on(struct sign_part *part, jwkd_status status, const Jwkd__V1__SignReply *reply,
    size_t first, const jwkd_error *error)
{
    struct async_sign *async = (struct async_sign *)part;
    const struct own_tokens tokens = {.reply = reply, .first = first, .count = part->count};
    void *list = NULL;
    jwkd_error own;
    if (status == JWKD_OK) {
        status = lay_out_list(&tokens, &list, &own);
        error = status == JWKD_OK ? NULL : &own;
    }
    async->many_done(async->context, status, list, error);
    jwkd_free(async);
}

static Jwkd__V1__SignItem copy_item(struct block *block, const jwkd_sign_item *item)
{
    char **audiences = block_take(block, item->audience_count * sizeof *audiences);
    jwkd_sign_item copy = *item;
    const char *texts[LIMIT_AUDIENCES];
    for (size_t i = 0; i < item->audience_count; i++)
        texts[i] = block_text(block, item->audiences[i]);
    copy.claims = block_bytes(block, bytes_of(item->claims.data, item->claims.size));
    copy.type = item->type ? block_text(block, item->type) : NULL;
    copy.audiences = texts;
    return audiences ? sign_item_wire(&copy, audiences) : (Jwkd__V1__SignItem)JWKD__V1__SIGN_ITEM__INIT;
}

static void *lay_out_async(struct block *block, const void *from)
{
    const struct items *items = from;
    struct async_sign *out = block_take(block, sizeof *out);
    Jwkd__V1__SignItem *wire = block_take(block, items->count * sizeof *wire);
    Jwkd__V1__SignItem **pointers = block_take(block, items->count * sizeof *pointers);
    for (size_t i = 0; i < items->count; i++) {
        Jwkd__V1__SignItem item = copy_item(block, &items->items[i]);
        if (!wire || !pointers) continue;
        wire[i] = item;
        pointers[i] = &wire[i];
    }
    if (out) *out = (struct async_sign){.part = {.items = pointers, .count = items->count}};
    return out;
}

static jwkd_status sign_later(jwkd_client *client, const char *environment, const struct items *items,
    const struct async_sign *how, jwkd_error *error)
{
    if (!how->done && !how->many_done) return fail(error, JWKD_INVALID_ARGUMENT, "there is no callback");
    void *block;
    if (block_build(lay_out_async, items, &block) != JWKD_OK)
        return fail(error, JWKD_NO_MEMORY, "out of memory");
    struct async_sign *async = block;
    jwkd_status status = measure(environment, &async->part, error);
    async->part.done = how->part.done;
    async->done = how->done;
    async->many_done = how->many_done;
    async->context = how->context;
    set_time(client, &async->part);
    if (status == JWKD_OK) status = coalesce(client, environment, &async->part, error);
    if (status != JWKD_OK) jwkd_free(async);
    return status;
}

jwkd_status jwkd_sign_async(jwkd_client *client, const char *environment, const jwkd_sign_item *item,
    jwkd_sign_done *done, void *context, jwkd_error *error)
{
    TRY(check(client, environment, item, 1, error));
    const struct async_sign how = {.part = {.done = pass_token_on}, .done = done, .context = context};
    return sign_later(client, environment, &(struct items){item, 1}, &how, error);
}

jwkd_status jwkd_sign_many_async(jwkd_client *client, const char *environment, const jwkd_sign_item *items,
    size_t count, jwkd_sign_many_done *done, void *context, jwkd_error *error)
{
    TRY(check(client, environment, items, count, error));
    const struct async_sign how = {.part = {.done = pass_list_on}, .many_done = done, .context = context};
    return sign_later(client, environment, &(struct items){items, count}, &how, error);
}

/* ---- a payload */

jwkd_status jwkd_sign_raw(jwkd_client *client, const char *environment, const char *type, jwkd_bytes payload,
    char **out_token, jwkd_error *error)
{
    TRY(client_check(client, error));
    TRY(check_environment_name(environment, error));
    Jwkd__V1__SignRawRequest raw = JWKD__V1__SIGN_RAW_REQUEST__INIT;
    raw.environment = wire_text(environment);
    raw.type = wire_text(type);
    raw.payload = wire_bytes(bytes_of(payload.data, payload.size));
    Jwkd__V1__Request request = JWKD__V1__REQUEST__INIT;
    request.operation_case = JWKD__V1__REQUEST__OPERATION_SIGN_RAW;
    request.sign_raw = &raw;
    if (payload.size > LIMIT_CLAIMS)
        return fail(error, JWKD_INVALID_ARGUMENT, "a payload has at most %d bytes", (int)LIMIT_CLAIMS);
    CLEANUP(reply_free_at) struct reply *reply = NULL;
    TRY(client_call(client, &request, JWKD__V1__REPLY__RESULT_SIGNED, NULL, &reply, error));
    const Jwkd__V1__SignReply *reply_signed = reply->message->signed_;
    if (reply_signed->n_tokens != 1)
        return fail(error, JWKD_MALFORMED, "the service did not answer with one token");
    const Jwkd__V1__SignedToken *token = reply_signed->tokens[0];
    if (token->status != JWKD__V1__STATUS__OK)
        return fail(error, wire_status(token->status), "%s", token->message);
    if (block_from_text(bytes_of_text(token->token), out_token) != JWKD_OK)
        return fail(error, JWKD_NO_MEMORY, "out of memory");
    return JWKD_OK;
}
