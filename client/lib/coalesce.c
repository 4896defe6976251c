#include "lib/coalesce.h"

#include <stdlib.h>

#include "base/clock.h"
#include "lib/call.h"

enum {
    LANE_UNDER_WAY = 4, /* requests of one environment at a time: two for the signer, two that wait for it */
    BATCH_ITEMS = 64,
    BATCH_BYTES = 512 * 1024, /* of claims: well under LIMIT_REQUEST */
    WAITING_ITEMS = 4096,
};

/* The items of one environment. Exists while any wait or are under way; guarded by the client's lock. */
struct lane {
    struct lane *next;
    jwkd_client *client;
    unsigned under_way;              /* requests */
    size_t items_under_way, waiting; /* items */
    struct sign_item *first, **last; /* those that wait */
    char environment[LIMIT_ENVIRONMENT_NAME + 1];
};

/* One request under way. */
struct batch {
    struct lane *lane;
    size_t count;
    struct sign_item *items[BATCH_ITEMS];
    Jwkd__V1__SignItem *wire[BATCH_ITEMS];
    Jwkd__V1__SignRequest sign;
    Jwkd__V1__Request request;
};

/* ---- lanes; all under the client's lock */

static struct lane **lane_place(jwkd_client *client, const char *environment)
{
    uint32_t hash = 2166136261u;
    for (const char *c = environment; *c; c++)
        hash = (hash ^ (unsigned char)*c) * 16777619u;
    struct lane **place = &client->lanes[hash % CLIENT_LANES];
    while (*place && strcmp((*place)->environment, environment) != 0)
        place = &(*place)->next;
    return place;
}

static struct lane *lane_get(jwkd_client *client, const char *environment)
{
    struct lane **place = lane_place(client, environment);
    if (!*place) {
        struct lane *lane = calloc(1, sizeof *lane);
        if (!lane) return NULL;
        lane->client = client;
        lane->last = &lane->first;
        memcpy(lane->environment, environment, strlen(environment) + 1);
        *place = lane;
    }
    return *place;
}

static void lane_drop_if_unused(struct lane *lane)
{
    if (lane->first || lane->under_way) return;
    *lane_place(lane->client, lane->environment) = lane->next;
    free(lane);
}

static void lane_append(struct lane *lane, struct sign_item *item)
{
    item->next = NULL;
    *lane->last = item;
    lane->last = &item->next;
    lane->waiting++;
    lane->client->waiting++;
}

static void lane_put_back(struct lane *lane, struct sign_item *items)
{
    while (items) {
        struct sign_item *item = items;
        items = item->next;
        item->next = lane->first;
        if (!lane->first) lane->last = &item->next;
        lane->first = item;
        lane->waiting++;
        lane->client->waiting++;
    }
}

/* Whether another request should leave. Nothing waits where nothing is under way. Otherwise a caller whose
 * answer has just come is not to leave alone, with those who got theirs in the same reply a moment behind it:
 * the request waits for a fair share of them, or for the next answer. */
static bool lane_is_due(const struct lane *lane)
{
    if (!lane->first || lane->under_way >= LANE_UNDER_WAY) return false;
    return lane->under_way == 0 || lane->waiting >= lane->items_under_way / LANE_UNDER_WAY;
}

/* Fills the batch with what waits, oldest first: a fair share of all there is, so that the service's threads
 * get equal work. */
static void lane_take(struct lane *lane, struct batch *batch)
{
    size_t bytes = 0, share = (lane->waiting + lane->items_under_way) / LANE_UNDER_WAY + 1;
    if (share > BATCH_ITEMS) share = BATCH_ITEMS;
    while (lane->first && batch->count < share) {
        struct sign_item *item = lane->first;
        bytes += item->wire.claims.len;
        if (batch->count > 0 && bytes > BATCH_BYTES) break;
        lane->first = item->next;
        if (!lane->first) lane->last = &lane->first;
        lane->waiting--;
        lane->client->waiting--;
        lane->items_under_way++;
        batch->items[batch->count] = item;
        batch->wire[batch->count++] = &item->wire;
    }
    lane->under_way++;
}

/* ---- batches */

static void batch_ended(void *context, jwkd_status status, struct reply *reply, const jwkd_error *error);

/* Tells each item its own outcome. Afterwards no item is touched: done() may have freed it. */
static void batch_tell(
    struct batch *batch, jwkd_status status, const struct reply *reply, const jwkd_error *error)
{
    for (size_t i = 0; i < batch->count; i++) {
        struct sign_item *item = batch->items[i];
        const Jwkd__V1__SignedToken *token = status == JWKD_OK ? reply->message->signed_->tokens[i] : NULL;
        if (!token) {
            item->done(item, status, NULL, error);
        } else if (token->status == JWKD__V1__STATUS__OK && *token->token) {
            item->done(item, JWKD_OK, token->token, NULL);
        } else {
            unsigned code = (unsigned)token->status;
            jwkd_error own;
            fail(&own, code > JWKD_OK && code <= JWKD_INTERNAL ? (jwkd_status)code : JWKD_INTERNAL, "%s",
                token->message);
            item->done(item, own.status, NULL, &own);
        }
    }
}

static void batch_send(struct batch *batch)
{
    batch->sign = (Jwkd__V1__SignRequest)JWKD__V1__SIGN_REQUEST__INIT;
    batch->sign.environment = batch->lane->environment;
    batch->sign.items = batch->wire;
    batch->sign.n_items = batch->count;
    batch->request = (Jwkd__V1__Request)JWKD__V1__REQUEST__INIT;
    batch->request.operation_case = JWKD__V1__REQUEST__OPERATION_SIGN;
    batch->request.sign = &batch->sign;
    struct call_order order = {
        .request = &batch->request,
        .expires_ns = batch->items[0]->expires_ns, /* the oldest */
        .done = batch_ended,
        .context = batch,
    };
    jwkd_error error;
    jwkd_status status = call_start(batch->lane->client, &order, &error);
    if (status != JWKD_OK) batch_ended(batch, status, NULL, &error);
}

/* The next batch of a lane that is due one; NULL when there is none. Under the client's lock. */
static struct batch *next_batch(struct lane *lane, struct batch *used)
{
    if (!lane_is_due(lane)) return NULL;
    struct batch *batch = used ? used : malloc(sizeof *batch);
    if (!batch) return NULL;
    batch->lane = lane;
    batch->count = 0;
    lane_take(lane, batch);
    return batch;
}

/* Takes those whose own time has not come out of a batch that ran out of time: it ended with its oldest item.
 * Returns them newest first. */
static struct sign_item *take_unexpired(struct batch *batch)
{
    uint64_t now_ns = clock_elapsed_ns();
    struct sign_item *kept = NULL;
    size_t expired = 0;
    for (size_t i = 0; i < batch->count; i++) {
        struct sign_item *item = batch->items[i];
        if (item->expires_ns > now_ns) {
            item->next = kept;
            kept = item;
        } else {
            batch->items[expired++] = item;
        }
    }
    batch->count = expired;
    return kept;
}

static void batch_ended(void *context, jwkd_status status, struct reply *reply, const jwkd_error *error)
{
    struct batch *batch = context;
    struct lane *lane = batch->lane;
    jwkd_client *client = lane->client;
    CLEANUP(reply_free_at) struct reply *owned = reply;
    jwkd_error mismatch;
    if (status == JWKD_OK && (reply->message->result_case != JWKD__V1__REPLY__RESULT_SIGNED ||
                                 reply->message->signed_->n_tokens != batch->count)) {
        error = &mismatch;
        status =
            fail(&mismatch, JWKD_MALFORMED, "the service did not answer with a token for each claims set");
    }
    size_t count = batch->count;
    bool out_of_time = status == JWKD_TIMED_OUT || status == JWKD_UNREACHABLE || status == JWKD_BUSY;
    struct sign_item *again = out_of_time ? take_unexpired(batch) : NULL;

    /* The next request leaves before the answers are handed out, so that the service has work meanwhile. */
    pthread_mutex_lock(&client->lock);
    lane->under_way--;
    lane->items_under_way -= count;
    lane_put_back(lane, again);
    struct batch *next = next_batch(lane, NULL);
    /* Without memory for it, and with nothing else under way that would send what waits, this batch's own
     * serves once it is told. */
    bool reuse = !next && lane->first && lane->under_way == 0;
    if (reuse)
        lane->under_way++; /* keeps the lane */
    else if (!next)
        lane_drop_if_unused(lane);
    pthread_mutex_unlock(&client->lock);
    if (next) batch_send(next);
    batch_tell(batch, status, reply, error);
    if (!reuse) {
        free(batch);
        return;
    }
    pthread_mutex_lock(&client->lock);
    lane->under_way--;
    next = next_batch(lane, batch);
    if (!next) lane_drop_if_unused(lane);
    pthread_mutex_unlock(&client->lock);
    if (next)
        batch_send(next);
    else
        free(batch);
}

jwkd_status coalesce_submit(
    jwkd_client *client, const char *environment, struct sign_item *item, jwkd_error *error)
{
    pthread_mutex_lock(&client->lock);
    struct lane *lane = NULL;
    struct batch *batch = NULL;
    jwkd_status status = JWKD_OK;
    if (client->closing)
        status = fail(error, JWKD_CLOSED, "the client is being closed");
    else if (client->waiting >= WAITING_ITEMS)
        status = fail(error, JWKD_BUSY, "%d tokens are waiting to be signed already", (int)WAITING_ITEMS);
    else if (!(lane = lane_get(client, environment)))
        status = fail(error, JWKD_NO_MEMORY, "out of memory");
    if (lane) {
        lane_append(lane, item);
        batch = next_batch(lane, NULL);
        if (!batch && lane->under_way == 0) { /* no memory: nothing is under way that would send it later */
            lane->first = NULL;
            lane->last = &lane->first;
            lane->waiting--;
            client->waiting--;
            lane_drop_if_unused(lane);
            status = fail(error, JWKD_NO_MEMORY, "out of memory");
        }
    }
    pthread_mutex_unlock(&client->lock);
    if (batch) batch_send(batch);
    return status;
}
