/* kill -9 at random instants, under changes and signing: no acknowledged change is missing, no event is,
 * revisions have no gaps, no token reaches beyond what the service knows of, operations go on, and the
 * database opens. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "bench/faults.h"

enum { CHANGERS = 3, SIGNERS = 2, MOST_KEYS = 160, RESERVE = 8, MAX_LEASE_SEC = 1 };

struct known_key {
    char kid[160];
    jwkd_key_state state;
    int64_t expires_at; /* the largest exp of a token that was given out */
};

/* What one changer was told of its environment; it alone changes it. */
struct ledger {
    pthread_rwlock_t quiet; /* held for writing while the service is compared with the ledger */
    pthread_mutex_t lock;   /* guards the keys' expiries and `name` against signers */
    char name[32];
    unsigned generation;
    struct known_key keys[MOST_KEYS];
    size_t count;
    uint64_t revision;
    char operation[40]; /* the last one begun, "" for none */
    bool unsure;        /* a change may or may not have been made: the environment is left behind */
};

/* What the watch has seen of each environment. */
struct seen {
    char name[32];
    uint64_t revision;
};

struct crash {
    struct daemon daemon;
    struct ledger ledgers[CHANGERS];
    atomic_bool stop;
    atomic_ulong changes, tokens, events;
    atomic_uint gaps;
    pthread_mutex_t lock; /* guards what follows */
    struct seen *seen;
    size_t seen_count;
    char fault[300]; /* the first one found; "": none */
};

struct actor {
    struct crash *crash;
    unsigned number, seed;
};

__attribute__((format(printf, 2, 3))) static void found(struct crash *crash, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    pthread_mutex_lock(&crash->lock);
    if (!crash->fault[0]) vsnprintf(crash->fault, sizeof crash->fault, format, arguments);
    pthread_mutex_unlock(&crash->lock);
    va_end(arguments);
    crash->stop = true;
}

/* ---- changing */

static jwkd_status begin_environment(struct ledger *ledger, jwkd_client *client, unsigned number)
{
    char name[32];
    snprintf(name, sizeof name, "crash-%u-%u", number, ledger->generation++);
    jwkd_status status = make_environment(client, name, "ES256", 0, NULL);
    if (status != JWKD_OK) return status;
    pthread_mutex_lock(&ledger->lock);
    memcpy(ledger->name, name, sizeof name);
    ledger->count = 0;
    ledger->revision = 1;
    ledger->operation[0] = '\0';
    ledger->unsure = false;
    pthread_mutex_unlock(&ledger->lock);
    return JWKD_OK;
}

static void note_answer(struct crash *crash, struct ledger *ledger, const jwkd_key_answer *answer, bool made)
{
    if (answer->revision < ledger->revision)
        found(crash, "%s went back from revision %llu to %llu", ledger->name,
            (unsigned long long)ledger->revision, (unsigned long long)answer->revision);
    ledger->revision = answer->revision;
    pthread_mutex_lock(&ledger->lock);
    if (made) {
        struct known_key *key = &ledger->keys[ledger->count++];
        *key = (struct known_key){.state = JWKD_KEY_ACTIVE};
        snprintf(key->kid, sizeof key->kid, "%s", answer->key.kid);
    }
    for (size_t i = 0; i < ledger->count; i++)
        if (strcmp(ledger->keys[i].kid, answer->key.kid) == 0) ledger->keys[i].state = answer->key.state;
    pthread_mutex_unlock(&ledger->lock);
    if (answer->operation) snprintf(ledger->operation, sizeof ledger->operation, "%s", answer->operation->id);
    atomic_fetch_add(&crash->changes, 1);
}

static jwkd_status change_once(struct actor *actor, struct ledger *ledger, jwkd_client *client)
{
    CLEANUP(block_free_at) jwkd_key_answer *answer = NULL;
    jwkd_generate_options options = {.wait_ms = 20000};
    unsigned dice = (unsigned)rand_r(&actor->seed) % 100;
    jwkd_status status;
    bool make = ledger->count == 0 || dice < 60;
    const char *kid = make ? "" : ledger->keys[(unsigned)rand_r(&actor->seed) % ledger->count].kid;
    if (make) {
        options.now = dice < 30;
        options.hold = dice >= 30 && dice < 40;
        status = dice < 50 ? jwkd_generate(client, ledger->name, &options, &answer, NULL)
                           : jwkd_rotate(client, ledger->name, &options, &answer, NULL);
    } else if (dice < 75) {
        status = jwkd_set_primary(client, ledger->name, kid, &answer, NULL);
    } else {
        status = jwkd_deactivate(client, ledger->name, kid, false, &answer, NULL);
    }
    if (status == JWKD_OK) note_answer(actor->crash, ledger, answer, make);
    return status;
}

static void *change(void *context)
{
    struct actor *actor = context;
    struct crash *crash = actor->crash;
    struct ledger *ledger = &crash->ledgers[actor->number];
    CLEANUP(jwkd_close_at) jwkd_client *client = NULL;
    if (connect_to(&crash->daemon, &client, NULL) != JWKD_OK) return NULL;
    while (!crash->stop) {
        pthread_rwlock_rdlock(&ledger->quiet);
        jwkd_status status = JWKD_OK;
        if (!ledger->name[0] || ledger->count + 1 >= MOST_KEYS || ledger->unsure)
            status = begin_environment(ledger, client, actor->number);
        else
            status = change_once(actor, ledger, client);
        /* Refused for a reason: nothing was changed. Anything else leaves it open. */
        bool refused = status == JWKD_FAILED_PRECONDITION || status == JWKD_NOT_FOUND;
        if (status != JWKD_OK && !refused) ledger->unsure = true;
        pthread_rwlock_unlock(&ledger->quiet);
    }
    return NULL;
}

/* ---- signing */

static void note_token(struct ledger *ledger, const char *name, const char *kid, int64_t expires_at)
{
    pthread_mutex_lock(&ledger->lock);
    for (size_t i = 0; strcmp(ledger->name, name) == 0 && i < ledger->count; i++)
        if (strcmp(ledger->keys[i].kid, kid) == 0 && ledger->keys[i].expires_at < expires_at)
            ledger->keys[i].expires_at = expires_at;
    pthread_mutex_unlock(&ledger->lock);
}

static void *sign(void *context)
{
    struct actor *actor = context;
    struct crash *crash = actor->crash;
    CLEANUP(jwkd_close_at) jwkd_client *client = NULL;
    if (connect_to(&crash->daemon, &client, NULL) != JWKD_OK) return NULL;
    while (!crash->stop) {
        struct ledger *ledger = &crash->ledgers[(unsigned)rand_r(&actor->seed) % CHANGERS];
        CLEANUP(block_free_at) jwkd_signed_list *list = NULL;
        char name[32];
        const jwkd_sign_item item = {
            .claims = {"{}", 2}, .lifetime_sec = 1 + (unsigned)rand_r(&actor->seed) % 3600};
        pthread_rwlock_rdlock(&ledger->quiet);
        pthread_mutex_lock(&ledger->lock);
        memcpy(name, ledger->name, sizeof name);
        pthread_mutex_unlock(&ledger->lock);
        if (name[0] && jwkd_sign_many(client, name, &item, 1, &list, NULL) == JWKD_OK &&
            list->tokens[0].status == JWKD_OK) {
            note_token(ledger, name, list->kid, list->tokens[0].expires_at);
            atomic_fetch_add(&crash->tokens, 1);
        }
        pthread_rwlock_unlock(&ledger->quiet);
    }
    return NULL;
}

/* ---- watching */

static struct seen *seen_of(struct crash *crash, const char *name)
{
    for (size_t i = 0; i < crash->seen_count; i++)
        if (strcmp(crash->seen[i].name, name) == 0) return &crash->seen[i];
    struct seen *grown = realloc(crash->seen, (crash->seen_count + 1) * sizeof *grown);
    if (!grown) return NULL;
    crash->seen = grown;
    struct seen *seen = &grown[crash->seen_count++];
    *seen = (struct seen){.revision = 0};
    snprintf(seen->name, sizeof seen->name, "%s", name);
    return seen;
}

static void on_event(void *context, const jwkd_event *event)
{
    struct crash *crash = context;
    if (!*event->environment) return; /* the connection comes and goes */
    atomic_fetch_add(&crash->events, 1);
    pthread_mutex_lock(&crash->lock);
    struct seen *seen = seen_of(crash, event->environment);
    bool follows = seen && (event->revision == seen->revision || event->revision == seen->revision + 1);
    if (seen) seen->revision = event->revision;
    pthread_mutex_unlock(&crash->lock);
    if (!follows || event->kind == JWKD_EVENT_SYNCHRONISED) atomic_fetch_add(&crash->gaps, 1);
}

static bool has_seen(struct crash *crash, const char *name, uint64_t revision)
{
    pthread_mutex_lock(&crash->lock);
    const struct seen *seen = seen_of(crash, name);
    bool all = seen && seen->revision >= revision;
    pthread_mutex_unlock(&crash->lock);
    return all;
}

/* ---- comparing */

static const jwkd_key *find_key(const jwkd_key_list *list, const char *kid)
{
    for (size_t i = 0; i < list->count; i++)
        if (strcmp(list->keys[i].kid, kid) == 0) return &list->keys[i];
    return NULL;
}

static jwkd_status compare(struct crash *crash, struct ledger *ledger, jwkd_client *client, jwkd_error *error)
{
    if (!ledger->name[0] || ledger->unsure) return JWKD_OK;
    CLEANUP(block_free_at) jwkd_key_list *list = NULL;
    TRY(jwkd_get_keys(client, ledger->name, &list, error));
    if (list->revision < ledger->revision)
        found(crash, "%s is at revision %llu, and %llu was acknowledged", ledger->name,
            (unsigned long long)list->revision, (unsigned long long)ledger->revision);
    if (list->count != ledger->count)
        found(crash, "%s has %zu keys, and %zu were acknowledged", ledger->name, list->count, ledger->count);
    for (size_t i = 0; i < ledger->count; i++) {
        const struct known_key *known = &ledger->keys[i];
        const jwkd_key *key = find_key(list, known->kid);
        bool expired = known->expires_at == 0; /* a key that retires may be gone by itself */
        if (!key || (key->state != known->state && !(key->state == JWKD_KEY_DEACTIVATED && expired)))
            found(crash, "%s: key %s is not as was acknowledged", ledger->name, known->kid);
        else if (key->state == JWKD_KEY_ACTIVE && key->last_expiry < known->expires_at)
            found(crash, "%s: key %s has signed until %lld, and only %lld is known", ledger->name, known->kid,
                (long long)known->expires_at, (long long)key->last_expiry);
    }
    CLEANUP(block_free_at) jwkd_operation *operation = NULL;
    if (ledger->operation[0]) TRY(jwkd_get_operation(client, ledger->operation, &operation, error));
    ledger->revision = list->revision;
    return JWKD_OK;
}

static jwkd_status compare_all(struct crash *crash, jwkd_client *client, jwkd_error *error)
{
    jwkd_status status = JWKD_OK;
    for (size_t i = 0; i < CHANGERS; i++)
        pthread_rwlock_wrlock(&crash->ledgers[i].quiet);
    for (size_t i = 0; i < CHANGERS && status == JWKD_OK; i++)
        status = compare(crash, &crash->ledgers[i], client, error);
    for (size_t i = 0; i < CHANGERS; i++)
        pthread_rwlock_unlock(&crash->ledgers[i].quiet);
    return status;
}

/* Promotions that were interrupted come to an end, and the watch has missed nothing. */
static jwkd_status settle(struct crash *crash, jwkd_client *client, jwkd_error *error)
{
    const struct timespec pause = {.tv_nsec = 5000000};
    for (size_t i = 0; i < CHANGERS; i++) {
        struct ledger *ledger = &crash->ledgers[i];
        if (!ledger->name[0] || ledger->unsure) continue;
        CLEANUP(block_free_at) jwkd_operation *operation = NULL;
        CLEANUP(block_free_at) jwkd_key_list *list = NULL;
        if (ledger->operation[0])
            TRY(jwkd_await_operation(client, ledger->operation, 30000, NULL, NULL, &operation, error));
        TRY(jwkd_get_keys(client, ledger->name, &list, error));
        for (int left = 6000; !has_seen(crash, ledger->name, list->revision); left--) {
            if (left == 0)
                return fail(error, JWKD_TIMED_OUT, "the watch has not seen all of %s", ledger->name);
            nanosleep(&pause, NULL);
        }
    }
    return JWKD_OK;
}

/* ---- all of it */

static jwkd_status crash_rounds(
    struct crash *crash, const struct bench *bench, unsigned rounds, jwkd_error *error)
{
    unsigned seed = bench->seed;
    for (unsigned i = 0; i < rounds && !crash->stop; i++) {
        report_progress("crash", i, rounds);
        unsigned after_us = (unsigned)rand_r(&seed) % 60000;
        nanosleep(&(struct timespec){.tv_nsec = (long)after_us * 1000}, NULL);
        daemon_kill(&crash->daemon);
        TRY(daemon_start(&crash->daemon, bench, RESERVE, error));
        CLEANUP(jwkd_close_at) jwkd_client *client = NULL;
        TRY(connect_to(&crash->daemon, &client, error));
        TRY(compare_all(crash, client, error));
    }
    return JWKD_OK;
}

static jwkd_status with_actors(
    struct crash *crash, const struct bench *bench, unsigned rounds, jwkd_error *error)
{
    pthread_t threads[CHANGERS + SIGNERS];
    struct actor actors[CHANGERS + SIGNERS];
    unsigned started = 0;
    jwkd_status status = JWKD_OK;
    for (; started < CHANGERS + SIGNERS && status == JWKD_OK; started++) {
        actors[started] =
            (struct actor){.crash = crash, .number = started, .seed = bench->seed + started + 1};
        if (pthread_create(&threads[started], NULL, started < CHANGERS ? change : sign, &actors[started]) !=
            0)
            status = fail(error, JWKD_NO_MEMORY, "no further thread");
    }
    if (status == JWKD_OK) status = crash_rounds(crash, bench, rounds, error);
    crash->stop = true;
    for (unsigned i = 0; i < started; i++)
        pthread_join(threads[i], NULL);
    return status;
}

static jwkd_status crash_run(
    struct crash *crash, const struct bench *bench, unsigned rounds, jwkd_error *error)
{
    CLEANUP(jwkd_close_at) jwkd_client *client = NULL;
    CLEANUP(jwkd_watch_close_at) jwkd_watch *watch = NULL;
    TRY(daemon_start(&crash->daemon, bench, RESERVE, error));
    TRY(connect_to(&crash->daemon, &client, error));
    TRY(jwkd_watch_open(client, NULL, on_event, crash, &watch, error));
    TRY(with_actors(crash, bench, rounds, error));
    return crash->fault[0] ? JWKD_OK : settle(crash, client, error);
}

jwkd_status fault_crash(const struct bench *bench, struct finding *out, jwkd_error *error)
{
    unsigned rounds = bench->quick ? 50 : 500;
    struct crash *crash = calloc(1, sizeof *crash);
    if (!crash) return fail(error, JWKD_NO_MEMORY, "out of memory");
    crash->daemon.max_lease_sec = MAX_LEASE_SEC;
    pthread_mutex_init(&crash->lock, NULL);
    for (size_t i = 0; i < CHANGERS; i++) {
        pthread_rwlock_init(&crash->ledgers[i].quiet, NULL);
        pthread_mutex_init(&crash->ledgers[i].lock, NULL);
    }
    jwkd_status status = crash_run(crash, bench, rounds, error);
    if (!crash->fault[0] && crash->gaps) found(crash, "%u gaps in the events", crash->gaps);
    finding_set(out, crash->fault, "killed %u times under %lu changes, %lu tokens signed, %lu events seen",
        rounds, crash->changes, crash->tokens, crash->events);
    daemon_clear(&crash->daemon);
    for (size_t i = 0; i < CHANGERS; i++) {
        pthread_rwlock_destroy(&crash->ledgers[i].quiet);
        pthread_mutex_destroy(&crash->ledgers[i].lock);
    }
    pthread_mutex_destroy(&crash->lock);
    free(crash->seen);
    free(crash);
    return status;
}
