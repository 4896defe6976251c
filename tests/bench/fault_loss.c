/* Events are lost: more of them than any queue holds, a service that goes and comes, more than the log keeps,
 * a store put back from a copy. Each ends in the right keys. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "base/limits.h"
#include "bench/faults.h"
#include "bench/judge.h"
#include "bench/proxy.h"

enum { JUDGES = 3, MOST_KEYS = 128, CHANGERS = 16, PATIENCE_MS = 120000 };
static const char ENVIRONMENT[] = "loss";

struct loss {
    const struct bench *bench;
    struct daemon daemon;
    jwkd_client *client;
    struct proxy *proxy, *requests; /* for events, and for requests */
    struct judge judges[JUDGES];
    char *kids[MOST_KEYS], *tokens[MOST_KEYS];
    size_t count;
    unsigned long changes, compared, left; /* `left`: of a burst */
    pthread_mutex_t lock;                  /* guards `left`, and what the watch has seen: */
    uint64_t seen_revision;
    unsigned long gaps, told_gaps, events; /* gaps without, and with, a SYNCHRONISED event */
    char fault[200];
};

/* ---- the right keys */

/* A new key, used once. */
static jwkd_status add_key(struct loss *loss, jwkd_error *error)
{
    CLEANUP(block_free_at) jwkd_key_answer *made = NULL;
    const jwkd_generate_options options = {.wait_ms = 20000, .now = true};
    if (loss->count == MOST_KEYS) return fail(error, JWKD_RESOURCE_EXHAUSTED, "too many keys for this case");
    TRY(jwkd_generate(loss->client, ENVIRONMENT, &options, &made, error));
    char *token;
    TRY(make_token(loss->client, ENVIRONMENT, &token, error));
    loss->kids[loss->count] = strdup(made->key.kid);
    loss->tokens[loss->count] = token;
    if (!loss->kids[loss->count++]) return JWKD_NO_MEMORY;
    return JWKD_OK;
}

static jwkd_status remove_key(struct loss *loss, size_t which, jwkd_error *error)
{
    CLEANUP(block_free_at) jwkd_key_answer *gone = NULL;
    return jwkd_deactivate(loss->client, ENVIRONMENT, loss->kids[which], false, &gone, error);
}

/* What each verifier accepts is what the service's JWKS holds, a token of every key judged. */
static jwkd_status compare(struct loss *loss, const char *after, jwkd_error *error)
{
    CLEANUP(block_free_at) jwkd_key_list *list = NULL;
    CLEANUP(block_free_at) char *jwks = NULL;
    TRY(jwkd_get_keys(loss->client, ENVIRONMENT, &list, error));
    TRY(jwkd_get_jwks(loss->client, ENVIRONMENT, &jwks, error));
    for (size_t i = 0; i < JUDGES; i++) {
        TRY(judge_await_exactly(&loss->judges[i], list->revision, PATIENCE_MS, error));
        for (size_t k = 0; k < loss->count; k++) {
            struct judgement made;
            bool live = strstr(jwks, loss->kids[k]) != NULL;
            do {
                TRY(judge_await_exactly(&loss->judges[i], list->revision, PATIENCE_MS, error));
                TRY(judge_ask(&loss->judges[i], loss->tokens[k], &made, error));
            } while (made.verdict == JWKD_VERDICT_KEYS_TOO_OLD); /* it starved for its lease */
            bool right = live ? made.verdict == JWKD_VERDICT_VALID
                              : made.verdict == JWKD_VERDICT_KEY_DEACTIVATED ||
                                    made.verdict == JWKD_VERDICT_UNKNOWN_KEY;
            loss->compared++;
            if (!right && !loss->fault[0])
                snprintf(loss->fault, sizeof loss->fault, "after %s verifier %zu says %s of a key that is %s",
                    after, i, jwkd_verdict_name(made.verdict), live ? "live" : "not live");
        }
    }
    return JWKD_OK;
}

/* ---- many changes */

struct changer {
    struct loss *loss;
    char environment[32];
    char kids[2][160];
    jwkd_status status;
    jwkd_error error;
};

static jwkd_status change(struct changer *changer, jwkd_client *client, unsigned long turn)
{
    CLEANUP(block_free_at) jwkd_key_answer *answer = NULL;
    return jwkd_set_primary(client, changer->environment, changer->kids[turn % 2], &answer, &changer->error);
}

/* Each change makes the other key of an environment primary. */
static void *change_many(void *context)
{
    struct changer *changer = context;
    struct loss *loss = changer->loss;
    CLEANUP(jwkd_close_at) jwkd_client *client = NULL;
    changer->status = connect_to(&loss->daemon, &client, &changer->error);
    for (unsigned long turn = 0; changer->status == JWKD_OK; turn++) {
        pthread_mutex_lock(&loss->lock);
        bool more = loss->left > 0;
        if (more) loss->left--;
        pthread_mutex_unlock(&loss->lock);
        if (!more) break;
        changer->status = change(changer, client, turn);
    }
    return NULL;
}

static jwkd_status begin_changer(
    struct loss *loss, struct changer *changer, const char *environment, jwkd_error *error)
{
    const jwkd_generate_options options = {.wait_ms = 20000, .now = true};
    *changer = (struct changer){.loss = loss};
    snprintf(changer->environment, sizeof changer->environment, "%s", environment);
    for (size_t i = 0; i < 2; i++) {
        CLEANUP(block_free_at) jwkd_key_answer *made = NULL;
        TRY(jwkd_generate(loss->client, environment, &options, &made, error));
        snprintf(changer->kids[1 - i], sizeof changer->kids[0], "%s", made->key.kid);
    }
    return JWKD_OK;
}

/* Several changers have an environment each; a single one changes that of the verifiers. */
static jwkd_status burst(struct loss *loss, unsigned changers, unsigned long changes, jwkd_error *error)
{
    pthread_t threads[CHANGERS];
    struct changer crowd[CHANGERS];
    static unsigned generation;
    unsigned started = 0;
    jwkd_status status = JWKD_OK;
    for (unsigned i = 0; i < changers; i++) {
        char name[32];
        snprintf(name, sizeof name, "burst-%u-%u", generation, i);
        if (changers > 1) TRY(make_environment(loss->client, name, "ES256", 0, error));
        TRY(begin_changer(loss, &crowd[i], changers > 1 ? name : ENVIRONMENT, error));
    }
    generation++;
    loss->left = changes;
    while (started < changers && pthread_create(&threads[started], NULL, change_many, &crowd[started]) == 0)
        started++;
    for (unsigned i = 0; i < started; i++) {
        pthread_join(threads[i], NULL);
        if (status == JWKD_OK && crowd[i].status != JWKD_OK) {
            status = crowd[i].status;
            if (error) *error = crowd[i].error;
        }
    }
    loss->changes += changes;
    return status;
}

/* ---- each kind of loss */

/* Verifiers do not read. In a full run their sockets, their own queues and the service's queues for them are
 * too small for the events. */
static jwkd_status overflow(struct loss *loss, jwkd_error *error)
{
    TRY(add_key(loss, error));
    TRY(add_key(loss, error));
    for (size_t i = 0; i < JUDGES; i++)
        TRY(judge_await(&loss->judges[i], 1, PATIENCE_MS, error));
    for (size_t i = 1; i < JUDGES; i++)
        judge_stop(&loss->judges[i]);
    TRY(remove_key(loss, loss->count - 2, error));
    TRY(burst(loss, CHANGERS, loss->bench->quick ? 1500 : 16000, error));
    TRY(add_key(loss, error));
    judge_continue(&loss->judges[1]);
    TRY(burst(loss, CHANGERS, loss->bench->quick ? 300 : 3000, error));
    for (size_t i = 1; i < JUDGES; i++)
        judge_continue(&loss->judges[i]);
    return compare(loss, "an overflow", error);
}

static jwkd_status restart(struct loss *loss, void (*stop)(struct daemon *), jwkd_error *error)
{
    size_t last = loss->count;
    TRY(add_key(loss, error));
    TRY(add_key(loss, error));
    stop(&loss->daemon);
    TRY(daemon_start(&loss->daemon, loss->bench, 8, error));
    TRY(remove_key(loss, last, error)); /* verifiers that are not connected yet miss these */
    TRY(add_key(loss, error));
    return compare(loss, "a restart", error);
}

static void on_event(void *context, const jwkd_event *event)
{
    struct loss *loss = context;
    if (strcmp(event->environment, ENVIRONMENT) != 0) return;
    pthread_mutex_lock(&loss->lock);
    bool follows = event->revision == loss->seen_revision || event->revision == loss->seen_revision + 1;
    if (event->kind == JWKD_EVENT_SYNCHRONISED)
        loss->told_gaps++;
    else if (!follows && loss->seen_revision > 0)
        loss->gaps++;
    loss->events++;
    loss->seen_revision = event->revision;
    pthread_mutex_unlock(&loss->lock);
}

static jwkd_status await_watch(struct loss *loss, jwkd_error *error)
{
    CLEANUP(block_free_at) jwkd_key_list *list = NULL;
    TRY(jwkd_get_keys(loss->client, ENVIRONMENT, &list, error));
    for (unsigned left = PATIENCE_MS / 5; left > 0; left--) {
        pthread_mutex_lock(&loss->lock);
        bool all = loss->seen_revision >= list->revision;
        pthread_mutex_unlock(&loss->lock);
        if (all) return JWKD_OK;
        pause_ms(5);
    }
    return fail(
        error, JWKD_TIMED_OUT, "the watch has not come to revision %llu", (unsigned long long)list->revision);
}

/* The verifiers are cut off for `missed` revisions; the log keeps the last LIMIT_EVENT_LOG of them. */
static jwkd_status disconnect(struct loss *loss, unsigned long missed, bool told, jwkd_error *error)
{
    TRY(add_key(loss, error));
    TRY(add_key(loss, error));
    TRY(await_watch(loss, error));
    pthread_mutex_lock(&loss->lock);
    loss->told_gaps = loss->gaps = 0;
    pthread_mutex_unlock(&loss->lock);
    proxy_refuse(loss->proxy, true);
    TRY(remove_key(loss, loss->count - 2, error));
    TRY(burst(loss, 1, missed, error));
    proxy_refuse(loss->requests, true); /* cuts off those that have connected again, too */
    pause_ms(500);
    proxy_refuse(loss->requests, false);
    proxy_refuse(loss->proxy, false);
    TRY(compare(loss, "a disconnection", error));
    TRY(await_watch(loss, error));
    pthread_mutex_lock(&loss->lock);
    if (!loss->fault[0] && (loss->gaps > 0 || (loss->told_gaps > 0) != told))
        snprintf(loss->fault, sizeof loss->fault,
            "after %lu missed revisions a watch had %lu gaps and was told of %lu", missed, loss->gaps,
            loss->told_gaps);
    pthread_mutex_unlock(&loss->lock);
    return JWKD_OK;
}

static jwkd_status disconnections(struct loss *loss, jwkd_error *error)
{
    CLEANUP(jwkd_watch_close_at) jwkd_watch *watch = NULL;
    char path[300];
    for (size_t i = 0; i < JUDGES; i++)
        judge_kill(&loss->judges[i]);
    snprintf(path, sizeof path, "%.250s/run/events.sock", loss->daemon.dir);
    TRY(proxy_start(path, loss->bench->seed, &loss->proxy, error));
    snprintf(path, sizeof path, "%.250s/run/rpc.sock", loss->daemon.dir);
    TRY(proxy_start(path, loss->bench->seed, &loss->requests, error));
    for (size_t i = 0; i < JUDGES; i++)
        TRY(judge_start(loss->daemon.url, ENVIRONMENT, 0, &loss->judges[i], error));
    TRY(jwkd_watch_open(loss->client, ENVIRONMENT, on_event, loss, &watch, error));
    TRY(add_key(loss, error)); /* now the watch knows where it stands */
    TRY(await_watch(loss, error));
    TRY(disconnect(loss, 100, false, error));
    TRY(disconnect(loss, LIMIT_EVENT_LOG + 100, true, error));
    jwkd_watch_close(TAKE(watch));
    proxy_stop(TAKE(loss->requests));
    proxy_stop(TAKE(loss->proxy));
    return JWKD_OK;
}

static bool copy(const char *from, const char *to)
{
    int status = -1;
    pid_t pid = fork();
    if (pid == 0) {
        execlp("cp", "cp", "-a", from, to, (char *)NULL);
        _exit(127);
    }
    return pid > 0 && waitpid(pid, &status, 0) == pid && status == 0;
}

/* The store is copied, and changed; the copy is put back, and changed into another history of the same
 * length. The verifiers hear all of it. */
static jwkd_status restore(struct loss *loss, jwkd_error *error)
{
    char data[300], backup[300], aside[300];
    size_t last = loss->count;
    snprintf(data, sizeof data, "%.250s/data", loss->daemon.dir);
    snprintf(backup, sizeof backup, "%.250s/backup", loss->daemon.dir);
    snprintf(aside, sizeof aside, "%.250s/aside", loss->daemon.dir);
    TRY(add_key(loss, error));
    TRY(add_key(loss, error));
    TRY(compare(loss, "changes before a copy", error));
    daemon_stop(&loss->daemon);
    if (!copy(data, backup)) return fail(error, JWKD_UNAVAILABLE, "%s cannot be copied", data);
    TRY(daemon_start(&loss->daemon, loss->bench, 8, error));
    TRY(remove_key(loss, last, error));
    TRY(add_key(loss, error));
    TRY(compare(loss, "changes after a copy", error));
    daemon_stop(&loss->daemon);
    if (rename(data, aside) != 0 || rename(backup, data) != 0)
        return fail(error, JWKD_UNAVAILABLE, "%s cannot be put back", backup);
    TRY(daemon_start(&loss->daemon, loss->bench, 8, error));
    TRY(compare(loss, "a copy was put back", error)); /* the first key is live, a later one is unknown */
    TRY(add_key(loss, error));
    TRY(remove_key(loss, last, error));
    return compare(loss, "another history", error);
}

/* ---- all of it */

static jwkd_status loss_run(struct loss *loss, jwkd_error *error)
{
    TRY(daemon_start(&loss->daemon, loss->bench, 8, error));
    TRY(connect_to(&loss->daemon, &loss->client, error));
    TRY(make_environment(loss->client, ENVIRONMENT, "ES256", 0, error));
    TRY(add_key(loss, error));
    for (size_t i = 0; i < JUDGES; i++)
        TRY(judge_start(loss->daemon.url, ENVIRONMENT, 0, &loss->judges[i], error));
    report_progress("loss", 0, 5);
    TRY(overflow(loss, error));
    report_progress("loss", 1, 5);
    TRY(restart(loss, daemon_stop, error));
    report_progress("loss", 2, 5);
    TRY(restart(loss, daemon_kill, error));
    report_progress("loss", 3, 5);
    TRY(restore(loss, error));
    report_progress("loss", 4, 5);
    return disconnections(loss, error);
}

jwkd_status fault_loss(const struct bench *bench, struct finding *out, jwkd_error *error)
{
    struct loss *loss = calloc(1, sizeof *loss);
    if (!loss) return fail(error, JWKD_NO_MEMORY, "out of memory");
    loss->bench = bench;
    loss->daemon.max_lease_sec = 1;
    pthread_mutex_init(&loss->lock, NULL);
    jwkd_status status = loss_run(loss, error);
    finding_set(out, loss->fault,
        "overflow, restart, restored copy, disconnection below and beyond the log: %lu changes in bursts, "
        "%lu tokens of %zu keys "
        "compared with the JWKS, %lu events watched",
        loss->changes, loss->compared, loss->count, loss->events);
    for (size_t i = 0; i < JUDGES; i++)
        judge_kill(&loss->judges[i]);
    proxy_stop(loss->requests);
    proxy_stop(loss->proxy);
    jwkd_close(loss->client);
    daemon_clear(&loss->daemon);
    for (size_t i = 0; i < loss->count; i++) {
        free(loss->kids[i]);
        jwkd_free(loss->tokens[i]);
    }
    pthread_mutex_destroy(&loss->lock);
    free(loss);
    return status;
}
