#include "lib/ask/coalesce.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/wait.h"
#include "lib/connection/call.h"

enum {
    LANE_UNDER_WAY = 4, /* requests of one environment at a time */
    TICK_MS = 5,        /* who has waited for as long leaves with the next */
    BATCH_TOKENS = COALESCE_TOKENS,
    BATCH_BYTES = 512 * 1024, /* of several parts: well under LIMIT_REQUEST */
    WAITING_TOKENS = 4096,
};

/* The parts of one environment, or its large ones. Exists while any wait or are under way; guarded by the
 * client's lock. */
struct lane {
    struct lane *next;
    jwkd_client *client;
    unsigned under_way;               /* requests */
    size_t tokens_under_way, waiting; /* tokens */
    size_t usual;                     /* tokens that waited or were under way when the last answer came */
    size_t parts;                     /* that wait or are under way */
    size_t callbacks;                 /* parts that wait, and whose callers do not */
    struct sign_part *first, **last;  /* those that wait */
    bool large; /* of parts that are too large to travel with others, which do not wait behind them */
    char environment[LIMIT_ENVIRONMENT_NAME + 1];
};

/* One request under way. */
struct batch {
    struct batch *next;
    struct lane *lane;
    bool carried; /* by a thread of the program's */
    size_t count; /* parts */
    size_t tokens;
    struct sign_part *parts[BATCH_TOKENS];
    Jwkd__V1__SignItem *wire[LIMIT_BATCH]; /* one part may have more than its share */
    Jwkd__V1__SignRequest sign;
    Jwkd__V1__Request request;
};

/* ---- lanes; all under the client's lock */

static struct lane **lane_place(jwkd_client *client, const char *environment, bool large)
{
    uint32_t hash = 2166136261u;
    for (const char *c = environment; *c; c++)
        hash = (hash ^ (unsigned char)*c) * 16777619u;
    struct lane **place = &client->lanes[hash % CLIENT_LANES];
    while (*place && (strcmp((*place)->environment, environment) != 0 || (*place)->large != large))
        place = &(*place)->next;
    return place;
}

static struct lane *lane_get(jwkd_client *client, const char *environment, bool large)
{
    struct lane **place = lane_place(client, environment, large);
    if (!*place) {
        struct lane *lane = calloc(1, sizeof *lane);
        if (!lane) return NULL;
        lane->client = client;
        lane->large = large;
        lane->last = &lane->first;
        memcpy(lane->environment, environment, strlen(environment) + 1);
        *place = lane;
    }
    return *place;
}

static void lane_drop_if_unused(struct lane *lane)
{
    if (lane->first || lane->under_way) return;
    *lane_place(lane->client, lane->environment, lane->large) = lane->next;
    free(lane);
}

/* Another that waits. */
static void lane_count(struct lane *lane, const struct sign_part *part)
{
    lane->parts++;
    lane->callbacks += !part->waits;
    lane->waiting += part->count;
    lane->client->waiting += part->count;
}

static void lane_append(struct lane *lane, struct sign_part *part)
{
    part->next = NULL;
    *lane->last = part;
    lane->last = &part->next;
    lane_count(lane, part);
}

static void lane_put_back(struct lane *lane, struct sign_part *parts)
{
    while (parts) {
        struct sign_part *part = parts;
        parts = part->next;
        part->next = lane->first;
        if (!lane->first) lane->last = &part->next;
        lane->first = part;
        lane_count(lane, part);
    }
}

static struct sign_part *lane_remove(struct lane *lane, struct sign_part **place)
{
    struct sign_part *part = *place;
    *place = part->next;
    if (!*place) lane->last = place;
    lane->callbacks -= !part->waits;
    lane->waiting -= part->count;
    lane->client->waiting -= part->count;
    return part;
}

/* Half of all there is, those who have just got their tokens and will come back included: while the service's
 * threads sign one such request together, the callers of the other one return. Fewer and larger ones would
 * leave the service without work, more and smaller ones cost more than they bring: a request as such takes as
 * much of both sides as several signatures. */
static size_t lane_share(const struct lane *lane)
{
    size_t all = lane->waiting + lane->tokens_under_way;
    if (lane->under_way > 0 && all < lane->usual) all = lane->usual;
    size_t half = (all + 1) / 2;
    return half < BATCH_TOKENS ? half : BATCH_TOKENS;
}

/* Whether another request should leave. A few callers have one each. Of more, one whose answer has just come
 * is not to leave alone, with those who got theirs in the same reply a moment behind it: the request waits
 * for its share of them, for the next answer, or until somebody has waited long enough. */
static bool lane_is_due(const struct lane *lane)
{
    if (!lane->first || lane->under_way >= LANE_UNDER_WAY) return false;
    return lane->parts <= LANE_UNDER_WAY || lane->waiting >= lane_share(lane);
}

static bool lane_is_overdue(const struct lane *lane, uint64_t now_ns)
{
    return lane->first && lane->under_way < LANE_UNDER_WAY &&
           now_ns - lane->first->asked_ns >= TICK_MS * NS_PER_MS;
}

static void *look_after(void *client);

/* Has the ticker look after those who wait. It is started with the first; false: there is none, and they wait
 * for answers. */
static bool lane_watch(struct lane *lane)
{
    jwkd_client *client = lane->client;
    if (!lane->first || client->ticking) return true;
    if (!client->has_ticker && !client->closing)
        client->has_ticker = pthread_create(&client->ticker, NULL, look_after, client) == 0;
    else if (client->has_ticker)
        pthread_cond_signal(&client->to_tick);
    client->ticking = client->has_ticker;
    return client->ticking;
}

/* Likewise, and has it send at once what is due. */
static bool lane_hand_over(struct lane *lane)
{
    if (!lane_watch(lane)) return false;
    lane->client->tick_at_once = true;
    pthread_cond_signal(&lane->client->to_tick);
    return true;
}

/* Fills the batch with its share of what waits, oldest first. */
static void lane_take(struct lane *lane, struct batch *batch)
{
    size_t bytes = 0, share = lane_share(lane);
    while (lane->first && batch->tokens < share) {
        bytes += lane->first->bytes;
        if (batch->count > 0 && (batch->tokens + lane->first->count > BATCH_TOKENS || bytes > BATCH_BYTES))
            break;
        struct sign_part *part = lane_remove(lane, &lane->first);
        memcpy(batch->wire + batch->tokens, part->items, part->count * sizeof batch->wire[0]);
        batch->parts[batch->count++] = part;
        batch->tokens += part->count;
    }
    lane->tokens_under_way += batch->tokens;
    lane->under_way++;
}

/* ---- batches */

static void batch_ended(void *context, jwkd_status status, struct reply *reply, const jwkd_error *error);

/* Tells each part its own outcome. Afterwards none is touched: done() may have freed it. */
static void batch_tell(
    struct batch *batch, jwkd_status status, const struct reply *reply, const jwkd_error *error)
{
    const Jwkd__V1__SignReply *tokens = status == JWKD_OK ? reply->message->signed_ : NULL;
    for (size_t i = 0, first = 0; i < batch->count; i++) {
        struct sign_part *part = batch->parts[i];
        size_t count = part->count;
        part->done(part, status, tokens, first, error);
        first += count;
    }
}

/* Its request; `carry`: on the caller's thread, until it is answered. */
static void batch_send(struct batch *batch, bool carry)
{
    batch->sign = (Jwkd__V1__SignRequest)JWKD__V1__SIGN_REQUEST__INIT;
    batch->sign.environment = batch->lane->environment;
    batch->sign.items = batch->wire;
    batch->sign.n_items = batch->tokens;
    batch->request = (Jwkd__V1__Request)JWKD__V1__REQUEST__INIT;
    batch->request.operation_case = JWKD__V1__REQUEST__OPERATION_SIGN;
    batch->request.sign = &batch->sign;
    const struct call_order order = {
        .request = &batch->request,
        .expires_ns = batch->parts[0]->expires_ns, /* the oldest */
        .done = batch_ended,
        .context = batch,
    };
    jwkd_client *client = batch->lane->client;
    jwkd_error error;
    batch->carried = carry;
    jwkd_status status = carry ? call_carry(client, &order, &error) : call_start(client, &order, &error);
    if (status != JWKD_OK) batch_ended(batch, status, NULL, &error);
}

/* A batch of those who wait; NULL without memory. Under the client's lock. */
static struct batch *take_batch(struct lane *lane, struct batch *used)
{
    struct batch *batch = used ? used : malloc(sizeof *batch);
    if (!batch) return NULL;
    if (!used) lane->client->batches++;
    batch->lane = lane;
    batch->count = batch->tokens = 0;
    lane_take(lane, batch);
    return batch;
}

/* The next batch of a lane that is due one; NULL when there is none. Who stays is watched over. */
static struct batch *next_batch(struct lane *lane, struct batch *used)
{
    struct batch *batch = lane_is_due(lane) ? take_batch(lane, used) : NULL;
    (void)lane_watch(lane);
    return batch;
}

/* The last that touches the client: it may be closed by then, and is not freed before. */
static void batch_free(jwkd_client *client, struct batch *batch)
{
    free(batch);
    pthread_mutex_lock(&client->lock);
    if (--client->batches == 0) pthread_cond_broadcast(&client->calls_ended);
    pthread_mutex_unlock(&client->lock);
}

/* Takes those whose own time has not come out of a batch that ran out of time: it ended with its oldest part,
 * the first. Returns them newest first. */
static struct sign_part *take_unexpired(struct batch *batch)
{
    uint64_t now_ns = clock_elapsed_ns();
    struct sign_part *kept = NULL;
    size_t expired = 0;
    for (size_t i = 0; i < batch->count; i++) {
        struct sign_part *part = batch->parts[i];
        if (i > 0 && part->expires_ns > now_ns) {
            part->next = kept;
            kept = part;
        } else {
            batch->parts[expired++] = part;
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
                                 reply->message->signed_->n_tokens != batch->tokens)) {
        error = &mismatch;
        status =
            fail(&mismatch, JWKD_MALFORMED, "the service did not answer with a token for each claims set");
    }
    size_t parts = batch->count;
    bool out_of_time = status == JWKD_TIMED_OUT || status == JWKD_UNREACHABLE || status == JWKD_BUSY ||
                       status == JWKD_DEADLINE_EXCEEDED;
    struct sign_part *again = out_of_time ? take_unexpired(batch) : NULL;

    /* The next request leaves before the answers are handed out, so that the service has work meanwhile. */
    pthread_mutex_lock(&client->lock);
    lane->usual = lane->waiting + lane->tokens_under_way;
    lane->under_way--;
    lane->tokens_under_way -= batch->tokens;
    lane->parts -= parts;
    lane_put_back(lane, again);
    /* Callbacks are not called on a thread of the program's, which sending may do when it fails. */
    bool handed_over = batch->carried && lane->callbacks > 0 && lane_hand_over(lane);
    struct batch *next = handed_over ? NULL : next_batch(lane, NULL);
    /* Without memory for it, and with nothing else under way that would send what waits, this batch's own
     * serves once it is told. */
    bool reuse = !next && !handed_over && lane->first && lane->under_way == 0;
    if (reuse)
        lane->under_way++; /* keeps the lane */
    else if (!next)
        lane_drop_if_unused(lane);
    pthread_mutex_unlock(&client->lock);
    if (next) batch_send(next, false);
    batch_tell(batch, status, reply, error);
    if (!reuse) {
        batch_free(client, batch);
        return;
    }
    pthread_mutex_lock(&client->lock);
    lane->under_way--;
    next = next_batch(lane, batch);
    if (!next) lane_drop_if_unused(lane);
    pthread_mutex_unlock(&client->lock);
    if (next)
        batch_send(next, false);
    else
        batch_free(client, batch);
}

/* Whether the thread that waits for `part` can see to the batch: only for itself and others that wait.
 * Callbacks are not called on a thread of the program's. */
static bool batch_can_be_carried(const struct batch *batch, const struct sign_part *part)
{
    bool own = false;
    for (size_t i = 0; i < batch->count; i++) {
        if (!batch->parts[i]->waits) return false;
        own = own || batch->parts[i] == part;
    }
    return own;
}

/* Adds the part to its lane; *out is the batch that is to leave upon this, or NULL. */
static jwkd_status enqueue(jwkd_client *client, const char *environment, struct sign_part *part,
    struct batch **out, jwkd_error *error)
{
    pthread_mutex_lock(&client->lock);
    struct lane *lane = NULL;
    struct batch *batch = NULL;
    jwkd_status status = JWKD_OK;
    if (client->closing)
        status = fail(error, JWKD_CLOSED, "the client is being closed");
    else if (!part->waits && client->waiting >= WAITING_TOKENS) /* who waits is one of so many threads */
        status = fail(error, JWKD_BUSY, "%d tokens are waiting to be signed already", (int)WAITING_TOKENS);
    else if (!(lane = lane_get(client, environment, part->count > BATCH_TOKENS)))
        status = fail(error, JWKD_NO_MEMORY, "out of memory");
    if (lane) {
        lane_append(lane, part);
        batch = next_batch(lane, NULL);
        if (!batch && lane->under_way == 0) { /* no memory: nothing is under way that would send it later */
            lane_remove(lane, &lane->first);
            lane->parts--;
            lane_drop_if_unused(lane);
            status = fail(error, JWKD_NO_MEMORY, "out of memory");
        }
    }
    pthread_mutex_unlock(&client->lock);
    *out = batch;
    return status;
}

jwkd_status coalesce(jwkd_client *client, const char *environment, struct sign_part *part, jwkd_error *error)
{
    struct batch *batch;
    TRY(enqueue(client, environment, part, &batch, error));
    if (batch) batch_send(batch, part->waits && batch_can_be_carried(batch, part));
    return JWKD_OK;
}

/* ---- those who wait for company, or for a service that does not answer */

/* Out of the lane: those whose time has come. */
static struct sign_part *take_expired(struct lane *lane, uint64_t now_ns, struct sign_part *others)
{
    for (struct sign_part **place = &lane->first; *place;) {
        if ((*place)->expires_ns > now_ns) {
            place = &(*place)->next;
            continue;
        }
        struct sign_part *part = lane_remove(lane, place);
        lane->parts--;
        part->next = others;
        others = part;
    }
    return others;
}

static void tell_expired(const jwkd_client *client, bool connected, struct sign_part *parts)
{
    jwkd_error error;
    if (connected)
        fail(&error, JWKD_TIMED_OUT, "no answer from %s in time", client->url.text);
    else
        fail(&error, JWKD_UNREACHABLE, "no connection to %s", client->url.text);
    while (parts) {
        struct sign_part *part = parts;
        parts = part->next;
        part->done(part, error.status, NULL, 0, &error);
    }
}

/* Under the client's lock, which it gives up meanwhile. */
static void tick(jwkd_client *client)
{
    struct batch *leaving = NULL;
    struct sign_part *expired = NULL;
    uint64_t now_ns = clock_elapsed_ns();
    bool connected = client->connected;
    client->ticking = client->tick_at_once = false;
    for (size_t i = 0; i < CLIENT_LANES; i++)
        for (struct lane *lane = client->lanes[i], *following; lane; lane = following) {
            following = lane->next;
            expired = take_expired(lane, now_ns, expired);
            bool leaves = lane_is_due(lane) || lane_is_overdue(lane, now_ns);
            struct batch *batch = leaves ? take_batch(lane, NULL) : NULL;
            client->ticking = client->ticking || lane->first;
            lane_drop_if_unused(lane);
            if (!batch) continue;
            batch->next = leaving;
            leaving = batch;
        }
    pthread_mutex_unlock(&client->lock);
    while (leaving) {
        struct batch *batch = leaving;
        leaving = batch->next;
        batch_send(batch, false);
    }
    tell_expired(client, connected, expired);
    pthread_mutex_lock(&client->lock);
}

static void sleep_for_a_tick(jwkd_client *client)
{
    const struct timespec until = wait_end(TICK_MS * NS_PER_MS);
    while (!client->tick_at_once && pthread_cond_timedwait(&client->to_tick, &client->lock, &until) == 0)
        continue;
}

/* The ticker. A thread of its own, since libnng 1.5.2 spins for up to a millisecond before anything times
 * out. */
static void *look_after(void *argument)
{
    jwkd_client *client = argument;
    pthread_mutex_lock(&client->lock);
    while (client->has_ticker) {
        if (!client->ticking) {
            pthread_cond_wait(&client->to_tick, &client->lock);
            continue;
        }
        sleep_for_a_tick(client);
        tick(client);
    }
    pthread_mutex_unlock(&client->lock);
    return NULL;
}

void coalesce_end(jwkd_client *client)
{
    pthread_mutex_lock(&client->lock);
    bool had_ticker = client->has_ticker;
    client->has_ticker = false;
    pthread_cond_signal(&client->to_tick);
    pthread_mutex_unlock(&client->lock);
    if (had_ticker) pthread_join(client->ticker, NULL);
}
