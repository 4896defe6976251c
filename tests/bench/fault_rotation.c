/* A new key every 100 ms while signers sign: no verifier that is fresh refuses a token in the instant in
 * which it was made, also when another one is stopped for a while, and another comes and goes. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "bench/faults.h"
#include "bench/judge.h"

enum {
    STEADY = 6,
    STOPPED = STEADY,
    COMING,
    JUDGES,
    SIGNERS = 2,
    EVERY_MS = 100,
    SIGN_EVERY_MS = 4,
    PATIENCE_MS = 30000
};
static const char ENVIRONMENT[] = "rotation";

/* A verifier's place. Several signers write tokens into its one pipe, and the process behind it may end. */
struct seat {
    pthread_mutex_t lock; /* guards all below */
    struct judge judge;
    bool taken; /* tokens may be told */
};

struct rotation {
    struct daemon daemon;
    unsigned seed;
    atomic_bool stop;
    struct seat seats[JUDGES];
    atomic_ulong tokens, untold, rotations, stops, visits;
    pthread_mutex_t lock; /* guards all below */
    struct judge_tally total;
    unsigned long starved; /* of total.not_fresh: verifiers that were never stopped */
    jwkd_status failed;    /* something could not be carried out */
    jwkd_error error;
};

static void give_up(struct rotation *rotation, jwkd_status status, const jwkd_error *error)
{
    if (status == JWKD_OK) return;
    pthread_mutex_lock(&rotation->lock);
    if (rotation->failed == JWKD_OK) {
        rotation->failed = status;
        rotation->error = *error;
    }
    pthread_mutex_unlock(&rotation->lock);
    rotation->stop = true;
}

/* ---- verifiers come and go, and are told tokens */

static jwkd_status sit_down(struct rotation *rotation, struct seat *seat, jwkd_error *error)
{
    struct judge judge;
    TRY(judge_start(rotation->daemon.url, ENVIRONMENT, 0, &judge, error));
    jwkd_status status = judge_await(&judge, 1, PATIENCE_MS, error);
    if (status != JWKD_OK) {
        judge_kill(&judge);
        return status;
    }
    pthread_mutex_lock(&seat->lock);
    seat->judge = judge;
    seat->taken = true;
    pthread_mutex_unlock(&seat->lock);
    return JWKD_OK;
}

/* What it found counts. */
static jwkd_status stand_up(struct rotation *rotation, struct seat *seat, jwkd_error *error)
{
    struct judge_tally tally = {0};
    pthread_mutex_lock(&seat->lock);
    bool taken = seat->taken;
    seat->taken = false;
    pthread_mutex_unlock(&seat->lock);
    if (!taken) return JWKD_OK;
    judge_continue(&seat->judge);
    jwkd_status status = JWKD_UNAVAILABLE;
    /* While the process was stopped, its pipe may have filled up. */
    for (unsigned left = PATIENCE_MS / 5; status != JWKD_OK && left > 0; left--) {
        status = judge_tally(&seat->judge, &tally, error);
        if (status != JWKD_OK) pause_ms(5);
    }
    judge_leave(&seat->judge);
    if (status != JWKD_OK) return status;
    pthread_mutex_lock(&rotation->lock);
    struct judge_tally *total = &rotation->total;
    total->rushed += tally.rushed;
    total->not_fresh += tally.not_fresh;
    if (seat != &rotation->seats[STOPPED]) rotation->starved += tally.not_fresh;
    if (total->wrong == 0) total->wrong_verdict = tally.wrong_verdict;
    total->wrong += tally.wrong;
    pthread_mutex_unlock(&rotation->lock);
    return JWKD_OK;
}

static void *sign(void *context)
{
    struct rotation *rotation = context;
    jwkd_error error;
    CLEANUP(jwkd_close_at) jwkd_client *client = NULL;
    give_up(rotation, connect_to(&rotation->daemon, &client, &error), &error);
    while (!rotation->stop) {
        CLEANUP(block_free_at) char *token = NULL;
        jwkd_status status = make_token(client, ENVIRONMENT, &token, &error);
        give_up(rotation, status, &error);
        if (status != JWKD_OK) break;
        for (size_t i = 0; i < JUDGES; i++) {
            struct seat *seat = &rotation->seats[i];
            pthread_mutex_lock(&seat->lock);
            if (seat->taken && !judge_tell(&seat->judge, "rush", token)) rotation->untold++;
            pthread_mutex_unlock(&seat->lock);
        }
        rotation->tokens++;
        pause_ms(SIGN_EVERY_MS);
    }
    return NULL;
}

/* ---- what happens meanwhile */

/* A promotion waits for the stopped verifier until its lease of 1 s ends. One stop in sixteen lasts about
 * that long. The others are short, so that most rotations come when they are due. */
static unsigned stop_ms(unsigned *seed)
{
    bool is_long = rand_r(seed) % 16 == 0;
    return is_long ? 600 + (unsigned)rand_r(seed) % 1200 : (unsigned)rand_r(seed) % 80;
}

static void *stop_one(void *context)
{
    struct rotation *rotation = context;
    struct judge *judge = &rotation->seats[STOPPED].judge; /* it stays */
    unsigned seed = rotation->seed + 1;
    while (!rotation->stop) {
        pause_ms((unsigned)rand_r(&seed) % 500);
        judge_stop(judge);
        pause_ms(stop_ms(&seed));
        judge_continue(judge);
        rotation->stops++;
    }
    return NULL;
}

static void *come_and_go(void *context)
{
    struct rotation *rotation = context;
    unsigned seed = rotation->seed + 2;
    jwkd_error error;
    while (!rotation->stop) {
        jwkd_status status = sit_down(rotation, &rotation->seats[COMING], &error);
        if (status == JWKD_OK) {
            pause_ms((unsigned)rand_r(&seed) % 600);
            status = stand_up(rotation, &rotation->seats[COMING], &error);
            rotation->visits++;
        }
        give_up(rotation, status, &error);
    }
    return NULL;
}

static jwkd_status rotate_once(jwkd_client *client, jwkd_error *error)
{
    CLEANUP(block_free_at) jwkd_key_answer *answer = NULL;
    CLEANUP(block_free_at) jwkd_operation *operation = NULL;
    const jwkd_generate_options options = {.wait_ms = 20000};
    TRY(jwkd_rotate(client, ENVIRONMENT, &options, &answer, error));
    TRY(jwkd_await_operation(client, answer->operation->id, PATIENCE_MS, NULL, NULL, &operation, error));
    return operation->phase == JWKD_PHASE_DONE
               ? JWKD_OK
               : fail(error, JWKD_INTERNAL, "a rotation was not done: %.200s", operation->reason);
}

static jwkd_status rotate_for(
    struct rotation *rotation, jwkd_client *client, double seconds, jwkd_error *error)
{
    double begin = now_sec(), due = begin;
    while (now_sec() - begin < seconds && !rotation->stop) {
        report_progress("rotation, seconds", (size_t)(now_sec() - begin), (size_t)seconds);
        TRY(rotate_once(client, error));
        rotation->rotations++;
        due += (double)EVERY_MS / 1e3; /* a rotation that was late is made up for */
        double left = due - now_sec();
        if (left > 0) pause_ms((unsigned)(left * 1e3));
    }
    return JWKD_OK;
}

/* ---- all of it */

static jwkd_status with_threads(
    struct rotation *rotation, jwkd_client *client, double seconds, jwkd_error *error)
{
    static void *(*const roles[])(void *) = {stop_one, come_and_go, sign, sign};
    enum { ROLES = sizeof roles / sizeof *roles };
    pthread_t threads[ROLES];
    size_t started = 0;
    jwkd_status status = JWKD_OK;
    while (started < ROLES && status == JWKD_OK) {
        if (pthread_create(&threads[started], NULL, roles[started], rotation) != 0)
            status = fail(error, JWKD_NO_MEMORY, "no further thread");
        else
            started++;
    }
    if (status == JWKD_OK) status = rotate_for(rotation, client, seconds, error);
    rotation->stop = true;
    for (size_t i = 0; i < started; i++)
        pthread_join(threads[i], NULL);
    for (size_t i = 0; i < JUDGES && status == JWKD_OK; i++)
        status = stand_up(rotation, &rotation->seats[i], error);
    if (status == JWKD_OK && rotation->failed != JWKD_OK) {
        status = rotation->failed;
        if (error) *error = rotation->error;
    }
    return status;
}

static jwkd_status rotation_run(struct rotation *rotation, const struct bench *bench, jwkd_error *error)
{
    CLEANUP(jwkd_close_at) jwkd_client *client = NULL;
    CLEANUP(block_free_at) jwkd_key_answer *first = NULL;
    const jwkd_generate_options options = {.wait_ms = 20000};
    TRY(daemon_start(&rotation->daemon, bench, 16, error));
    TRY(connect_to(&rotation->daemon, &client, error));
    TRY(make_environment(client, ENVIRONMENT, "ES256", 0, error));
    TRY(jwkd_generate(client, ENVIRONMENT, &options, &first, error));
    for (size_t i = 0; i < JUDGES; i++)
        if (i != COMING) TRY(sit_down(rotation, &rotation->seats[i], error));
    return with_threads(rotation, client, bench->quick ? 3 : 60, error);
}

jwkd_status fault_rotation(const struct bench *bench, struct finding *out, jwkd_error *error)
{
    struct rotation *rotation = calloc(1, sizeof *rotation);
    if (!rotation) return fail(error, JWKD_NO_MEMORY, "out of memory");
    rotation->daemon.max_lease_sec = 1;
    rotation->seed = bench->seed;
    pthread_mutex_init(&rotation->lock, NULL);
    for (size_t i = 0; i < JUDGES; i++)
        pthread_mutex_init(&rotation->seats[i].lock, NULL);
    jwkd_status status = rotation_run(rotation, bench, error);
    const struct judge_tally *total = &rotation->total;
    char fault[200] = "";
    if (total->wrong)
        snprintf(fault, sizeof fault, "%lu tokens were refused by fresh verifiers, the first with %s",
            total->wrong, jwkd_verdict_name((jwkd_verdict)total->wrong_verdict));
    else if (total->rushed == 0)
        snprintf(fault, sizeof fault, "no token was verified");
    finding_set(out, fault,
        "%lu rotations, %lu tokens signed, %lu verifications valid, %lu refused by who was not fresh (%lu of "
        "these never stopped), %lu not handed over; one "
        "verifier stopped %lu times, one came and went %lu times",
        rotation->rotations, rotation->tokens, total->rushed, total->not_fresh, rotation->starved,
        rotation->untold, rotation->stops, rotation->visits);
    for (size_t i = 0; i < JUDGES; i++) {
        judge_kill(&rotation->seats[i].judge);
        pthread_mutex_destroy(&rotation->seats[i].lock);
    }
    daemon_clear(&rotation->daemon);
    pthread_mutex_destroy(&rotation->lock);
    free(rotation);
    return status;
}
