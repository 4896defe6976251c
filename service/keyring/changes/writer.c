#include "keyring/changes/writer.h"

#include <stdio.h>

#include "base/clock.h"
#include "base/wait.h"
#include "keyring/changes/agenda.h"
#include "keyring/changes/ceiling.h"
#include "keyring/changes/changes.h"
#include "keyring/changes/queue.h"
#include "keyring/changes/round.h"
#include "keyring/changes/wall.h"
#include "keyring/records/expiry.h"
#include "keyring/records/rows.h"
#include "keyring/records/allowance.h"

enum {
    EXPIRE_EVERY_SEC = 60,
    WAKE_EVERY_SEC = 60,
    RETRY_EVERY_SEC = 2, /* after something due could not be done */
    SETTLE_AFTER_MS = 2,
    LARGEST_STEP_MS = 5000, /* of the wall clock, between two looks */
};

/* ---- what there is to do ---- */

/* Finds out which types of key are missing now, and has that many made. */
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
        const struct ring_environment *environment =
            snapshot_find(keyring->present.snapshot, wanted.environment);
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

/* Commits made keys first and by themselves, so that waiting generations find them. */
static void accept_keys(struct keyring *keyring, struct round *round, struct ready_key *made)
{
    if (made) {
        if (round_begin(round, keyring) != JWKD_OK) return;
        round_accept_made(round, made);
        while (round_again(round)) {
        }
        round_finish(round);
        agenda_key_made(keyring);
    }
    if (!keyring->pending) return;
    if (round_begin(round, keyring) != JWKD_OK) return;
    do
        round_serve_waiting(round);
    while (round_again(round));
    round_finish(round);
}

/* True: there are more. The next round goes on with them, and the changes that wait have their turn in
 * between. */
static bool expire(struct keyring *keyring, struct round *round)
{
    int64_t now = clock_wall_sec();
    bool more = false;
    if (now - keyring->records.answers_expired_at < EXPIRE_EVERY_SEC &&
        now >= keyring->records.answers_expired_at)
        return false;
    keyring->records.answers_expired_at = now;
    if (store_condition(keyring->options.store) != STORE_READ_WRITE) return false;
    if (round_begin(round, keyring) != JWKD_OK) return false;
    do
        round->transaction.spoiled = expiry_of_answers(&round->transaction, &more) != JWKD_OK;
    while (round_again(round));
    if (round_finish(round) != JWKD_OK || !more) return false;
    keyring->records.answers_expired_at = 0;
    return true;
}

/* Does what has fallen due. Reckons all of it anew when a clock was set, and once in a while, since clocks
 * are also set little by little. */
static void run_agenda(struct keyring *keyring, struct round *round, bool clock_set, bool poked)
{
    struct moment now = moment_now(); /* one instant for all steps */
    bool all = clock_set || now.elapsed_ns >= keyring->agenda.reckoned_ns + WAKE_EVERY_SEC * NS_PER_SEC;
    if (all) keyring->agenda.reckoned_ns = now.elapsed_ns;
    if (all || poked) agenda_reckon(keyring, now, all);
    if (keyring->agenda.failed_ns &&
        now.elapsed_ns < keyring->agenda.failed_ns + RETRY_EVERY_SEC * NS_PER_SEC)
        return;
    if (agenda_next_ns(keyring) > now.elapsed_ns) return;
    if (round_begin(round, keyring) != JWKD_OK) return;
    bool failed;
    do {
        failed = false;
        agenda_run(&round->transaction, now, &failed);
    } while (round_again(round));
    keyring->agenda.failed_ns = round_finish(round) == JWKD_OK && !failed ? 0 : clock_elapsed_ns();
}

static void raise_ceilings(struct keyring *keyring, struct round *round, struct ceiling_wish *wishes)
{
    while (wishes) {
        struct ceiling_wish *rest = NULL;
        bool committed = false;
        if (round_begin(round, keyring) == JWKD_OK) {
            do
                round->transaction.spoiled = ceiling_put(&round->transaction, wishes, &rest) != JWKD_OK;
            while (round_again(round));
            committed = round_finish(round) == JWKD_OK;
        }
        ceiling_wake(keyring, wishes, rest, committed);
        wishes = rest;
    }
}

/* True: the clocks no longer run alike, because somebody has set one of them. */
static bool watch_clocks(struct keyring *keyring)
{
    struct moment now = moment_now();
    int64_t apart_ms = now.wall_sec * 1000 - (int64_t)(now.elapsed_ns / NS_PER_MS),
            moved_ms = apart_ms - keyring->wall.apart_ms;
    char text[160];
    keyring->wall.apart_ms = apart_ms;
    if (llabs(moved_ms) <= LARGEST_STEP_MS) return false;
    snprintf(text, sizeof text, "the wall clock was set %lld s %s; schedules wait until both clocks say so",
        llabs(moved_ms) / 1000, moved_ms > 0 ? "forward" : "back");
    keyring_trouble(keyring, JWKD_FAILED_PRECONDITION, text);
    return true;
}

/* Decides changes that wait, as many as a round takes. The rest stays queued, and so does what must not be in
 * the same transaction. */
static struct keyring_command *run_commands(
    struct keyring *keyring, struct round *round, struct keyring_command *commands)
{
    if (round_begin(round, keyring) != JWKD_OK) return commands;
    struct keyring_command *rest;
    do {
        rest = commands;
        round_look_up(round, commands);
        while (rest && round_takes(round, rest)) {
            struct keyring_command *command = rest;
            rest = command->next;
            round_decide(round, command);
        }
    } while (round_again(round));
    round_finish(round);
    return rest;
}

/* ---- the thread ---- */

/* How long settling is put off: as long as a hundred subscribers take to hear of a change. It is not longer
 * if there are more of them, because the next deactivation has to wait for it. */
static uint64_t settle_after_ns(const struct keyring *keyring)
{
    uint32_t spread_ms = keyring->options.registry ? registry_spread_ms(keyring->options.registry) : 0;
    return (spread_ms < SETTLE_AFTER_MS ? spread_ms : SETTLE_AFTER_MS) * NS_PER_MS;
}

/* Settles the note of a deactivation, some time after the deactivation was told. Until then the processors
 * are left to the subscribers that hear of it. A thread that needs it settled sooner does it itself. */
static void settle_store(struct keyring *keyring)
{
    jwkd_error error = {0};
    uint64_t now_ns = clock_elapsed_ns();
    if (!store_is_unsettled(keyring->options.store))
        keyring->records.settle_ns = 0;
    else if (!keyring->records.settle_ns)
        keyring->records.settle_ns = now_ns + settle_after_ns(keyring);
    if (!keyring->records.settle_ns || now_ns < keyring->records.settle_ns) return;
    jwkd_status status = store_settle(keyring->options.store, &error);
    keyring->records.settle_ns = status == JWKD_OK ? 0 : now_ns + RETRY_EVERY_SEC * NS_PER_SEC;
    if (status != JWKD_OK) keyring_trouble(keyring, status, error.message);
}

/* When to look again if nothing comes before. */
static uint64_t next_look_ns(struct keyring *keyring)
{
    struct moment now = moment_now();
    uint64_t due_ns = agenda_next_ns(keyring), latest_ns = now.elapsed_ns + WAKE_EVERY_SEC * NS_PER_SEC;
    uint64_t again_ns =
        keyring->agenda.failed_ns + RETRY_EVERY_SEC * NS_PER_SEC; /* do not ask a full disk all the time */
    if (keyring->agenda.failed_ns && due_ns < again_ns) due_ns = again_ns;
    if (keyring->records.settle_ns && keyring->records.settle_ns < due_ns)
        due_ns = keyring->records.settle_ns;
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
    struct writer_work work = {0};
    do {
        accept_keys(keyring, round, work.made);
        raise_ceilings(keyring, round, work.wishes);
        bool clock_set = watch_clocks(keyring);
        wall_watch(keyring);
        run_agenda(keyring, round, clock_set, work.poked);
        demand_keys(keyring); /* also what the agenda lacks */
        bool more = expire(keyring, round);
        settle_store(keyring);
        if (!queue_wait(keyring, more ? 0 : next_look_ns(keyring), &work)) break;
        while (work.commands)
            work.commands = run_commands(keyring, round, work.commands);
    } while (true);
    free(round);
    return NULL;
}

void keyring_subscribers_changed(struct keyring *keyring)
{
    if (agenda_awaits_confirmation(keyring)) keyring_poke(keyring);
}

static void making_failed(void *context, jwkd_status status, const char *message)
{
    keyring_trouble(context, status, message);
}

jwkd_status writer_open(struct keyring *keyring)
{
    struct reserve_options options = {.signer = keyring->options.signer,
        .wanted = keyring->options.reserve,
        .deliver = queue_deliver,
        .on_trouble = making_failed,
        .context = keyring};
    return reserve_new(&options, &keyring->reserve);
}

jwkd_status writer_start(struct keyring *keyring, jwkd_error *error)
{
    if (agenda_load(keyring) != JWKD_OK) return fail(error, JWKD_NO_MEMORY, "out of memory");
    struct moment now = moment_now();
    keyring->wall.apart_ms = now.wall_sec * 1000 - (int64_t)(now.elapsed_ns / NS_PER_MS);
    if (pthread_create(&keyring->queue.writer, NULL, write_changes, keyring) != 0)
        return fail(error, JWKD_NO_MEMORY, "no thread for the writer");
    pthread_mutex_lock(&keyring->queue.lock);
    keyring->queue.running = true;
    pthread_mutex_unlock(&keyring->queue.lock);
    if (reserve_start(keyring->reserve) == JWKD_OK) return JWKD_OK;
    writer_stop(keyring);
    return fail(error, JWKD_NO_MEMORY, "no threads to make keys");
}

void writer_stop(struct keyring *keyring)
{
    if (!keyring->queue.running) return;
    reserve_stop(keyring->reserve);
    pthread_mutex_lock(&keyring->queue.lock);
    keyring->queue.stopping = true;
    pthread_cond_signal(&keyring->queue.filled);
    pthread_cond_broadcast(&keyring->queue.ceilings_moved);
    pthread_mutex_unlock(&keyring->queue.lock);
    pthread_join(keyring->queue.writer, NULL);
    keyring->queue.running = false;
}

void writer_close(struct keyring *keyring)
{
    pending_free_all(keyring->pending);
    pending_free_all(keyring->shown);
    keyring->pending = keyring->shown = NULL;
    for (struct ready_key *key = keyring->queue.made, *next; key; key = next) {
        next = key->next;
        ready_key_free(key);
    }
    reserve_free(keyring->reserve);
    agenda_clear(keyring);
    allowance_clear(keyring);
}
