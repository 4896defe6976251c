/* The writer: takes the changes that wait, decides them one after the other, commits them
 * together, answers. */
#include <errno.h>
#include <stdio.h>
#include <time.h>

#include "base/clock.h"
#include "base/wait.h"
#include "keyring/agenda.h"
#include "keyring/ceiling.h"
#include "keyring/changes.h"
#include "keyring/rows.h"

enum {
    BATCH_COMMANDS = 64, /* changes committed together */
    BATCH_ROWS = 4096,   /* a round with more rows takes no further change */
    DEFAULT_QUEUE = 32,
    EXPIRE_EVERY_SEC = 60,
    WAKE_EVERY_SEC = 60,
    RETRY_EVERY_SEC = 2, /* what was due and could not be done */
    SETTLE_AFTER_MS = 2,
    LARGEST_STEP_MS = 5000, /* of the wall clock, between two looks */
    SHOWN_ONCE = 64,        /* answers kept in memory until they are collected */
};

/* One change of a batch, decided. */
struct decided {
    struct keyring_command *command;
    struct buffer reply; /* packed */
    jwkd_status status;
    bool changed; /* its answer depends on the commit */
};

struct round {
    struct batch batch;
    struct decided decided[BATCH_COMMANDS];
    size_t count;
    struct ready_key *accepted; /* made keys whose rows are in the batch */
    struct pending *served;     /* waiting generations that are done once it is committed */
    struct pending *waiting;    /* new ones */
    bool spoiled;
};

/* ---- one change ---- */

/* A key that is shown once is not kept in the store: whoever waited for it collects it from memory, once. */
static bool collect_shown(struct keyring *keyring, const struct change_request *change, struct buffer *out)
{
    struct pending **link =
        pending_find(&keyring->shown, change->principal, wire_view(change->request->request_id));
    CLEANUP(pending_free_at) struct pending *done = *link;
    if (!done) return false;
    *link = done->next;
    return buffer_append_bytes(out, buffer_bytes(&done->shown)) == JWKD_OK;
}

/* Whether the same request waits for its key already. */
static jwkd_status check_waiting(
    struct keyring *keyring, const struct change_request *change, jwkd_error *error)
{
    const struct pending *pending =
        *pending_find(&keyring->pending, change->principal, wire_view(change->request->request_id));
    if (!pending) return JWKD_OK;
    if (memcmp(pending->digest, change->digest, sizeof pending->digest) != 0)
        return fail(error, JWKD_CONFLICT, "the request id was used for another operation; take a new one");
    return fail(error, JWKD_IN_PROGRESS, "a key is being made; repeat the request with the same request id");
}

static jwkd_status pack_reply(const struct reply *reply, struct buffer *out)
{
    return wire_pack(&reply->message.base, out);
}

/* The answer as it is kept: without a key that is shown once. */
static jwkd_status keep_answer(struct batch *batch, const struct change_request *change, struct reply *reply)
{
    ProtobufCBinaryData shown = {0};
    Jwkd__V1__Key *key = reply->shown_once ? reply->message.key->key : NULL;
    if (key) {
        shown = key->public_jwk;
        key->public_jwk = (ProtobufCBinaryData){0};
    }
    CLEANUP(buffer_clear) struct buffer packed = {0};
    jwkd_status status = pack_reply(reply, &packed);
    if (key) key->public_jwk = shown;
    if (status != JWKD_OK) return status;
    return rows_put_answer(batch, wire_view(change->request->request_id), change->principal, change->digest,
        buffer_bytes(&packed));
}

static jwkd_status add_waiting(struct round *round, const struct change_request *change)
{
    const struct ring_environment *environment =
        batch_find(&round->batch, change_generation(change->request).environment);
    struct pending *pending;
    TRY(pending_new(
        change->request, change->principal, change->digest, environment ? environment->id : 0, &pending));
    pending->next = round->waiting;
    round->waiting = pending;
    round->batch.waiting++;
    return JWKD_OK;
}

/* Decides a change within the round. *out_reply receives the packed answer in every case but NO_MEMORY. */
static jwkd_status decide(
    struct round *round, const struct change_request *change, struct buffer *out_reply, bool *out_changed)
{
    struct batch *batch = &round->batch;
    jwkd_error error = {0};
    CLEANUP(reply_clear) struct reply reply;
    reply_init(&reply, change->request);
    bool broken = false;
    jwkd_status status = change_decide(batch, change, &reply, &broken, &error);
    if (status == JWKD_IN_PROGRESS) broken = add_waiting(round, change) != JWKD_OK;
    /* Kept even if nothing changes: what is OK now might be refused when the request is repeated. */
    if (status == JWKD_OK) broken = keep_answer(batch, change, &reply) != JWKD_OK;
    /* Decided against what is not committed yet: if the commit fails, so does this answer, written or not. */
    *out_changed = batch->write_count != 0;
    round->spoiled |= broken;
    if (status != JWKD_OK) reply_fail(&reply, status, &error);
    return pack_reply(&reply, out_reply) == JWKD_OK ? status : JWKD_NO_MEMORY;
}

static jwkd_status repeated(
    struct keyring *keyring, const struct change_request *change, struct buffer *out, jwkd_error *error)
{
    jwkd_status status = rows_get_answer(
        keyring, wire_view(change->request->request_id), change->principal, change->digest, out);
    if (status == JWKD_CONFLICT)
        return fail(error, status, "the request id was used for another operation; take a new one");
    if (status == JWKD_OK) { /* the digest was compared: it is the same request */
        struct buffer shown = {0};
        if (collect_shown(keyring, change, &shown)) {
            buffer_clear(out);
            *out = shown;
        }
    }
    if (status != JWKD_NOT_FOUND) return status;
    TRY(check_waiting(keyring, change, error));
    return JWKD_NOT_FOUND;
}

/* The same request twice within one batch: the second waits for the next, where it finds the first one's
 * answer. */
static bool in_this_round(const struct round *round, const struct keyring_command *command)
{
    for (size_t i = 0; i < round->count; i++) {
        const struct keyring_command *other = round->decided[i].command;
        if (strcmp(other->principal, command->principal) == 0 &&
            bytes_equal(wire_view(other->request->request_id), wire_view(command->request->request_id)))
            return true;
    }
    return false;
}

static void decide_command(struct round *round, struct keyring_command *command)
{
    struct decided *decided = &round->decided[round->count++];
    *decided = (struct decided){.command = command};
    struct change_request change = {.request = command->request,
        .principal = command->principal,
        .digest = command->digest,
        .prepared = command};
    jwkd_error error = {0};
    /* Not even answers may be looked up: they might speak of a change that nobody here can see. */
    if (round->batch.keyring->estranged)
        decided->status = fail(&error, JWKD_UNAVAILABLE, "nothing can be changed; " KEYRING_RESTART);
    else
        decided->status = operation_digest(command->request, command->digest);
    if (decided->status == JWKD_OK)
        decided->status = store_settle(round->batch.keyring->options.store, &error);
    if (decided->status == JWKD_OK)
        decided->status = repeated(round->batch.keyring, &change, &decided->reply, &error);
    if (decided->status == JWKD_NOT_FOUND && command->request->deadline_ns &&
        command->request->deadline_ns < clock_elapsed_ns())
        decided->status = fail(&error, JWKD_DEADLINE_EXCEEDED,
            "the deadline had passed before the change began; nothing was done");
    if (decided->status == JWKD_NOT_FOUND) {
        decided->status = decide(round, &change, &decided->reply, &decided->changed);
        return;
    }
    if (decided->status == JWKD_OK) return;
    CLEANUP(reply_clear) struct reply reply;
    reply_init(&reply, command->request);
    reply_fail(&reply, decided->status, &error);
    if (pack_reply(&reply, &decided->reply) != JWKD_OK) decided->status = JWKD_NO_MEMORY;
}

/* ---- generations that wait ---- */

/* Finds out which types the waiting generations want now, and has as many made. */
static void demand_keys(struct keyring *keyring)
{
    reserve_forget_demand(keyring->reserve);
    agenda_demand(keyring);
    for (struct pending *pending = keyring->pending; pending; pending = pending->next) {
        CLEANUP(arena_clear) struct arena arena;
        ProtobufCMessage *message;
        pending->type = NULL;
        if (wire_unpack(&jwkd__v1__request__descriptor, buffer_bytes(&pending->request), &arena, &message) !=
            JWKD_OK)
            continue;
        const Jwkd__V1__Request *request = (const Jwkd__V1__Request *)message;
        const struct generation wanted = change_generation(request);
        const struct ring_environment *environment = snapshot_find(keyring->snapshot, wanted.environment);
        enum alg alg;
        if (environment && change_key_type(environment, &wanted, &alg, &pending->type, NULL) != JWKD_OK)
            pending->type = NULL;
    }
    for (struct pending *pending = keyring->pending; pending; pending = pending->next) {
        unsigned waiting = 0;
        for (struct pending *other = keyring->pending; other; other = other->next)
            waiting += other->type == pending->type;
        if (pending->type) reserve_demand(keyring->reserve, pending->type, waiting);
    }
}

/* Tries to carry out one waiting generation; true when its answer, good or bad, is in the batch. */
static bool serve(struct round *round, struct pending *pending)
{
    struct batch *batch = &round->batch;
    CLEANUP(arena_clear) struct arena arena;
    ProtobufCMessage *message;
    char name[ROW_KEY_SIZE];
    if (wire_unpack(&jwkd__v1__request__descriptor, buffer_bytes(&pending->request), &arena, &message) !=
        JWKD_OK)
        return false;
    const Jwkd__V1__Request *request = (const Jwkd__V1__Request *)message;
    struct change_request change = {
        .request = request, .principal = pending->principal, .digest = pending->digest, .noted = true};
    jwkd_error error = {0};
    bool broken = false;
    CLEANUP(reply_clear) struct reply reply;
    reply_init(&reply, request);
    const struct ring_environment *environment = batch_find(batch, change_generation(request).environment);
    jwkd_status status =
        environment && environment->id == pending->environment_id
            ? change_decide(batch, &change, &reply, &broken, &error)
            : fail(&error, JWKD_NOT_FOUND, "the environment was deleted while its key was being made");
    round->spoiled |= broken;
    if (status == JWKD_IN_PROGRESS || status == JWKD_NO_MEMORY || status == JWKD_BUSY ||
        status == JWKD_UNAVAILABLE)
        return false;
    if (status != JWKD_OK) reply_fail(&reply, status, &error);
    rows_request_name("work", wire_view(request->request_id), pending->principal, name);
    if (broken || batch_erase(batch, name) != JWKD_OK || keep_answer(batch, &change, &reply) != JWKD_OK)
        round->spoiled = true;
    buffer_clear(&pending->shown);
    if (status == JWKD_OK && reply.shown_once && pack_reply(&reply, &pending->shown) != JWKD_OK)
        round->spoiled = true;
    return true;
}

static void serve_waiting(struct round *round)
{
    struct keyring *keyring = round->batch.keyring;
    for (struct pending **link = &keyring->pending; *link && !round->spoiled;) {
        struct pending *pending = *link;
        if (serve(round, pending)) {
            *link = pending->next;
            pending->next = round->served;
            round->served = pending;
        } else {
            link = &pending->next;
        }
    }
}

/* What was served is done with, but for answers that somebody still has to see. */
static void settle_served(struct keyring *keyring, struct pending *served)
{
    for (struct pending *next; served; served = next) {
        next = served->next;
        if (served->shown.size) {
            served->next = keyring->shown;
            keyring->shown = served;
        } else {
            pending_free(served);
        }
    }
    struct pending **link = &keyring->shown;
    for (unsigned kept = 0; *link && kept < SHOWN_ONCE; kept++)
        link = &(*link)->next;
    pending_free_all(*link);
    *link = NULL;
}

static void append_pending(struct keyring *keyring, struct pending *list)
{
    struct pending **tail = &keyring->pending;
    while (*tail)
        tail = &(*tail)->next;
    *tail = list;
}

/* ---- a round ---- */

static void answer_all(struct round *round, jwkd_status commit_status, const jwkd_error *error)
{
    for (size_t i = 0; i < round->count; i++) {
        struct decided *decided = &round->decided[i];
        if (decided->changed && commit_status != JWKD_OK) {
            CLEANUP(reply_clear) struct reply reply;
            reply_init(&reply, decided->command->request);
            reply_fail(&reply, commit_status, error);
            buffer_clear(&decided->reply);
            decided->status = commit_status;
            if (pack_reply(&reply, &decided->reply) != JWKD_OK) decided->status = JWKD_NO_MEMORY;
        }
        struct buffer packed = decided->reply;
        decided->command->done(decided->command, buffer_bytes(&packed), decided->status);
        buffer_clear(&packed);
    }
}

/* Keys that the makers finished get a row; without one they are ready until the next start. */
static void accept_made(struct round *round, struct ready_key *made)
{
    for (struct ready_key *key = made, *next; key; key = next) {
        next = key->next;
        key->stored = rows_put_ready_key(&round->batch, key) == JWKD_OK;
        key->next = round->accepted;
        round->accepted = key;
    }
}

static void put_accepted(struct round *round, bool committed)
{
    for (struct ready_key *key = round->accepted, *next; key; key = next) {
        next = key->next;
        key->stored &= committed;
        reserve_put(round->batch.keyring->reserve, key);
    }
    round->accepted = NULL;
}

static jwkd_status commit(struct round *round, jwkd_error *error)
{
    if (round->spoiled) return fail(error, JWKD_NO_MEMORY, "out of memory: nothing was changed");
    return batch_commit(&round->batch, error);
}

static jwkd_status finish_round(struct round *round)
{
    struct keyring *keyring = round->batch.keyring;
    jwkd_error error = {0};
    jwkd_status status = commit(round, &error);
    if (status != JWKD_OK && round->batch.write_count)
        keyring_trouble(keyring, status, error.message[0] ? error.message : jwkd_status_text(status));
    bool committed = status == JWKD_OK;
    put_accepted(round, committed);
    append_pending(keyring, committed ? round->waiting : round->served);
    if (committed)
        settle_served(keyring, round->served);
    else
        pending_free_all(round->waiting);
    batch_clear(&round->batch); /* gives keys back to the reserve before anybody is told to try again */
    answer_all(round, status, &error);
    return status;
}

static jwkd_status begin_round(struct round *round, struct keyring *keyring)
{
    memset(round, 0, sizeof *round);
    return batch_init(&round->batch, keyring, clock_wall_sec());
}

/* Made keys first, in a commit of their own, so that those who wait find them. */
static void accept_keys(struct keyring *keyring, struct round *round, struct ready_key *made)
{
    if (made) {
        if (begin_round(round, keyring) != JWKD_OK) return;
        accept_made(round, made);
        finish_round(round);
        agenda_key_made(keyring);
    }
    if (!keyring->pending) return;
    if (begin_round(round, keyring) != JWKD_OK) return;
    serve_waiting(round);
    finish_round(round);
}

/* True when there are more: the next round goes on with them, between the changes that wait. */
static bool expire(struct keyring *keyring, struct round *round)
{
    int64_t now = clock_wall_sec();
    bool more = false;
    if (now - keyring->answers_expired_at < EXPIRE_EVERY_SEC && now >= keyring->answers_expired_at)
        return false;
    keyring->answers_expired_at = now;
    if (store_condition(keyring->options.store) != STORE_READ_WRITE) return false;
    if (begin_round(round, keyring) != JWKD_OK) return false;
    round->spoiled = rows_expire_answers(&round->batch, &more) != JWKD_OK;
    if (finish_round(round) != JWKD_OK || !more) return false;
    keyring->answers_expired_at = 0;
    return true;
}

/* What has fallen due. All is reckoned anew when a clock was set, and once in a while, for clocks are set
 * little by little, too. */
static void run_agenda(struct keyring *keyring, struct round *round, bool clock_set, bool poked)
{
    struct moment now = moment_now(); /* one instant: what is due then is not later than it */
    bool all = clock_set || now.elapsed_ns >= keyring->agenda_reckoned_ns + WAKE_EVERY_SEC * NS_PER_SEC;
    if (all) keyring->agenda_reckoned_ns = now.elapsed_ns;
    if (all || poked) agenda_reckon(keyring, now, all);
    if (keyring->agenda_failed_ns &&
        now.elapsed_ns < keyring->agenda_failed_ns + RETRY_EVERY_SEC * NS_PER_SEC)
        return;
    if (agenda_next_ns(keyring) > now.elapsed_ns) return;
    if (begin_round(round, keyring) != JWKD_OK) return;
    bool failed = false;
    agenda_run(&round->batch, now, &round->spoiled, &failed);
    keyring->agenda_failed_ns = finish_round(round) == JWKD_OK && !failed ? 0 : clock_elapsed_ns();
}

static void raise_ceilings(struct keyring *keyring, struct round *round, struct ceiling_wish *wishes)
{
    if (!wishes) return;
    bool committed = false;
    if (begin_round(round, keyring) == JWKD_OK) {
        round->spoiled = ceiling_put(&round->batch, wishes) != JWKD_OK;
        committed = finish_round(round) == JWKD_OK;
    }
    ceiling_settle(keyring, wishes, committed);
}

/* Both clocks run alike, or somebody has set the one: true. */
static bool watch_clocks(struct keyring *keyring)
{
    struct moment now = moment_now();
    int64_t apart_ms = now.wall_sec * 1000 - (int64_t)(now.elapsed_ns / NS_PER_MS),
            moved_ms = apart_ms - keyring->clocks_apart_ms;
    char text[160];
    keyring->clocks_apart_ms = apart_ms;
    if (llabs(moved_ms) <= LARGEST_STEP_MS) return false;
    snprintf(text, sizeof text, "the wall clock was set %lld s %s; schedules wait until both clocks say so",
        llabs(moved_ms) / 1000, moved_ms > 0 ? "forward" : "back");
    keyring_trouble(keyring, JWKD_FAILED_PRECONDITION, text);
    return true;
}

/* What waits, bounded; the rest and what must not be in the same batch stays queued. */
static struct keyring_command *run_commands(
    struct keyring *keyring, struct round *round, struct keyring_command *commands)
{
    if (begin_round(round, keyring) != JWKD_OK) return commands;
    while (commands && round->count < BATCH_COMMANDS && !round->spoiled &&
           round->batch.write_count < BATCH_ROWS && !in_this_round(round, commands)) {
        struct keyring_command *command = commands;
        commands = command->next;
        decide_command(round, command);
    }
    finish_round(round);
    return commands;
}

/* ---- the thread ---- */

/* What there is to do. */
struct work {
    struct keyring_command *commands;
    struct ready_key *made;
    struct ceiling_wish *wishes;
    bool poked;
};

/* Until an instant of the running-time clock at the latest. False: it is over. */
static bool wait_for_work(struct keyring *keyring, uint64_t until_ns, struct work *out)
{
    const uint64_t now_ns = clock_elapsed_ns();
    const struct timespec until = wait_end(until_ns > now_ns ? until_ns - now_ns : 0);
    pthread_mutex_lock(&keyring->queue_lock);
    int result = 0;
    while (!keyring->queue_head && !keyring->made && !keyring->wishes && !keyring->poked &&
           !keyring->stopping && result != ETIMEDOUT)
        result = pthread_cond_timedwait(&keyring->queue_filled, &keyring->queue_lock, &until);
    *out = (struct work){.commands = keyring->queue_head,
        .made = keyring->made,
        .wishes = keyring->wishes,
        .poked = keyring->poked};
    keyring->queue_head = NULL;
    keyring->queue_tail = &keyring->queue_head;
    keyring->queued = 0;
    keyring->made = NULL;
    keyring->wishes = NULL;
    keyring->poked = false;
    bool more = !keyring->stopping || out->commands || out->made || out->wishes;
    pthread_mutex_unlock(&keyring->queue_lock);
    return more;
}

/* How long a hundred subscribers take to hear of a change. The next deactivation would wait for what is put
 * off: it is not put off for longer, however many there are. */
static uint64_t settle_after_ns(const struct keyring *keyring)
{
    uint32_t spread_ms = keyring->options.registry ? registry_spread_ms(keyring->options.registry) : 0;
    return (spread_ms < SETTLE_AFTER_MS ? spread_ms : SETTLE_AFTER_MS) * NS_PER_MS;
}

/* What a deactivation has left to be done is done when it has been told: until then the processors are those
 * of who hears of it. Whoever needs it done sooner does it. */
static void settle_store(struct keyring *keyring)
{
    jwkd_error error = {0};
    uint64_t now_ns = clock_elapsed_ns();
    if (!store_is_unsettled(keyring->options.store))
        keyring->settle_ns = 0;
    else if (!keyring->settle_ns)
        keyring->settle_ns = now_ns + settle_after_ns(keyring);
    if (!keyring->settle_ns || now_ns < keyring->settle_ns) return;
    jwkd_status status = store_settle(keyring->options.store, &error);
    keyring->settle_ns = status == JWKD_OK ? 0 : now_ns + RETRY_EVERY_SEC * NS_PER_SEC;
    if (status != JWKD_OK) keyring_trouble(keyring, status, error.message);
}

/* When to look again, if nothing comes before. */
static uint64_t next_look_ns(struct keyring *keyring)
{
    struct moment now = moment_now();
    uint64_t due_ns = agenda_next_ns(keyring), latest_ns = now.elapsed_ns + WAKE_EVERY_SEC * NS_PER_SEC;
    uint64_t again_ns =
        keyring->agenda_failed_ns + RETRY_EVERY_SEC * NS_PER_SEC; /* a full disk is not asked all the time */
    if (keyring->agenda_failed_ns && due_ns < again_ns) due_ns = again_ns;
    if (keyring->settle_ns && keyring->settle_ns < due_ns) due_ns = keyring->settle_ns;
    return due_ns < latest_ns ? due_ns : latest_ns;
}

static void *write_changes(void *argument)
{
    struct keyring *keyring = argument;
    struct round *round = malloc(sizeof *round);
    if (!round) {
        keyring_trouble(keyring, JWKD_NO_MEMORY, "the writer has no memory");
        return NULL;
    }
    struct work work = {0};
    do {
        accept_keys(keyring, round, work.made);
        raise_ceilings(keyring, round, work.wishes);
        bool clock_set = watch_clocks(keyring);
        run_agenda(keyring, round, clock_set, work.poked);
        demand_keys(keyring); /* what the agenda lacks, too */
        bool more = expire(keyring, round);
        settle_store(keyring);
        if (!wait_for_work(keyring, more ? 0 : next_look_ns(keyring), &work)) break;
        while (work.commands)
            work.commands = run_commands(keyring, round, work.commands);
    } while (true);
    free(round);
    return NULL;
}

void keyring_poke(struct keyring *keyring)
{
    pthread_mutex_lock(&keyring->queue_lock);
    keyring->poked = true;
    pthread_cond_signal(&keyring->queue_filled);
    pthread_mutex_unlock(&keyring->queue_lock);
}

void keyring_subscribers_changed(struct keyring *keyring)
{
    if (agenda_awaits_confirmation(keyring)) keyring_poke(keyring);
}

static void deliver(void *context, struct ready_key *key)
{
    struct keyring *keyring = context;
    pthread_mutex_lock(&keyring->queue_lock);
    key->next = keyring->made;
    keyring->made = key;
    pthread_cond_signal(&keyring->queue_filled);
    pthread_mutex_unlock(&keyring->queue_lock);
}

static void making_failed(void *context, jwkd_status status, const char *message)
{
    keyring_trouble(context, status, message);
}

static unsigned queue_limit(const struct keyring *keyring)
{
    return keyring->options.change_queue ? keyring->options.change_queue : DEFAULT_QUEUE;
}

unsigned keyring_change_capacity(const struct keyring *keyring)
{
    return 2 * queue_limit(keyring);
}

jwkd_status keyring_change(struct keyring *keyring, struct keyring_command *command, jwkd_error *error)
{
    unsigned limit = queue_limit(keyring);
    jwkd_status status = JWKD_OK;
    command->next = NULL;
    pthread_mutex_lock(&keyring->queue_lock);
    if (keyring->stopping)
        status = fail(error, JWKD_UNAVAILABLE, "the service is stopping");
    else if (keyring->queued >= limit)
        status = fail(error, JWKD_BUSY, "%u changes are waiting already", limit);
    if (status == JWKD_OK) {
        *keyring->queue_tail = command;
        keyring->queue_tail = &command->next;
        keyring->queued++;
        pthread_cond_signal(&keyring->queue_filled);
    }
    pthread_mutex_unlock(&keyring->queue_lock);
    return status;
}

jwkd_status writer_open(struct keyring *keyring)
{
    struct reserve_options options = {.signer = keyring->options.signer,
        .wanted = keyring->options.reserve,
        .deliver = deliver,
        .on_trouble = making_failed,
        .context = keyring};
    return reserve_new(&options, &keyring->reserve);
}

jwkd_status writer_start(struct keyring *keyring, jwkd_error *error)
{
    if (agenda_load(keyring) != JWKD_OK) return fail(error, JWKD_NO_MEMORY, "out of memory");
    struct moment now = moment_now();
    keyring->clocks_apart_ms = now.wall_sec * 1000 - (int64_t)(now.elapsed_ns / NS_PER_MS);
    if (pthread_create(&keyring->writer, NULL, write_changes, keyring) != 0)
        return fail(error, JWKD_NO_MEMORY, "no thread for the writer");
    pthread_mutex_lock(&keyring->queue_lock);
    keyring->running = true;
    pthread_mutex_unlock(&keyring->queue_lock);
    if (reserve_start(keyring->reserve) == JWKD_OK) return JWKD_OK;
    writer_stop(keyring);
    return fail(error, JWKD_NO_MEMORY, "no threads to make keys");
}

void writer_stop(struct keyring *keyring)
{
    if (!keyring->running) return;
    reserve_stop(keyring->reserve);
    pthread_mutex_lock(&keyring->queue_lock);
    keyring->stopping = true;
    pthread_cond_signal(&keyring->queue_filled);
    pthread_cond_broadcast(&keyring->ceilings_moved);
    pthread_mutex_unlock(&keyring->queue_lock);
    pthread_join(keyring->writer, NULL);
    keyring->running = false;
}

void writer_close(struct keyring *keyring)
{
    pending_free_all(keyring->pending);
    pending_free_all(keyring->shown);
    keyring->pending = keyring->shown = NULL;
    for (struct ready_key *key = keyring->made, *next; key; key = next) {
        next = key->next;
        ready_key_free(key);
    }
    reserve_free(keyring->reserve);
    agenda_clear(keyring);
}
