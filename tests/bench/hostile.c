/* A good client beside callers that keep to no rule: how long it waits for an answer, and what memory and
 * descriptors the daemon has, undisturbed and under each of them; at the service and at a relay, over ipc and
 * tcp. Over tcp the others have an address of their own; over ipc they are the same user, and share with the
 * good one. */
#include <dirent.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bench/rough.h"
#include "net/server.h"
#include "wire/wire.h"

enum {
    HOSTILE_HOST = 2,
    MOST = 2000,
    BATCH = 256,
    BATCHES = 2,
    HELD = 10000,
    HOLDERS = 100,
    GOOD_CALLERS = 32,
    ROOM = 200 * 1000
};

/* Where it is tried. */
struct place {
    const char *name, *url, *events_url, *token_file; /* "": none */
    const struct daemon *daemon;                      /* its memory and descriptors are measured */
    bool relay;
};

/* The disturbers: a number of connections, and what each of them sends. */
struct run {
    const struct bench *bench;
    const struct place *place;
    enum transport transport;
    struct buffer says;
    size_t count;
    int fds[MOST]; /* -1: closed */
    atomic_bool stop;
};

struct attack {
    const char *name;
    double at_most; /* how many times as long as undisturbed a good client may wait; 0: no limit */
    size_t connections;
    bool (*say)(struct run *run);   /* what each connection says; before it begins */
    void (*begin)(struct run *run); /* returns when it disturbs */
    void (*go_on)(struct run *run); /* in a thread of its own, until `stop`; NULL: nothing more is done */
    bool service_only;
};

/* ---- what is said */

/* Of the place that is looked at: over a local socket the user is known, elsewhere it takes a token. */
static struct buffer credential;

static Jwkd__V1__Request new_request(Jwkd__V1__Request__OperationCase operation, void *body)
{
    static uint8_t id[16] = {1};
    Jwkd__V1__Request request = JWKD__V1__REQUEST__INIT;
    request.version = WIRE_VERSION;
    request.request_id = wire_bytes(bytes_of(id, sizeof id));
    request.operation_case = operation;
    request.hello = body; /* a union */
    request.credential = wire_bytes(buffer_bytes(&credential));
    return request;
}

/* Small requests, more than any buffer takes. */
static bool say_much(struct run *run)
{
    Jwkd__V1__StatusRequest status = JWKD__V1__STATUS_REQUEST__INIT;
    const Jwkd__V1__Request request = new_request(JWKD__V1__REQUEST__OPERATION_STATUS, &status);
    bool said = true;
    while (said && run->says.size < 1024 * 1024)
        said = rough_append(run->transport, &request, &run->says);
    return said;
}

static bool say_some(struct run *run)
{
    if (!say_much(run)) return false;
    run->says.size = 60 * 1024;
    return true;
}

/* The head of a message of a mebibyte. */
static bool announce(struct run *run)
{
    static const uint8_t head[] = {1, 0, 0, 0, 0, 0, 0x0f, 0xff, 0xff};
    size_t skip = run->transport == TRANSPORT_IPC ? 0 : 1;
    return buffer_append(&run->says, head + skip, sizeof head - skip) == JWKD_OK;
}

/* And half of that message. */
static bool say_half(struct run *run)
{
    static const uint8_t start[] = {0x80, 0, 0, 1};
    const size_t half = 512 * 1024;
    if (!announce(run) || buffer_append(&run->says, start, sizeof start) != JWKD_OK ||
        buffer_reserve(&run->says, half) != JWKD_OK)
        return false;
    memset(run->says.data + run->says.size, 'x', half);
    run->says.size += half;
    return true;
}

/* A full batch of tokens to be signed. */
static bool say_batch(struct run *run)
{
    Jwkd__V1__SignItem item = JWKD__V1__SIGN_ITEM__INIT, *items[BATCH];
    Jwkd__V1__SignRequest sign = JWKD__V1__SIGN_REQUEST__INIT;
    item.claims = wire_bytes(bytes_of_text("{\"sub\":\"batch\"}"));
    for (size_t i = 0; i < BATCH; i++)
        items[i] = &item;
    sign.environment = wire_text("hostile");
    sign.n_items = BATCH;
    sign.items = items;
    const Jwkd__V1__Request request = new_request(JWKD__V1__REQUEST__OPERATION_SIGN, &sign);
    return rough_append(run->transport, &request, &run->says);
}

/* ---- what is done */

static void close_all(struct run *run)
{
    for (size_t i = 0; i < run->count; i++) {
        if (run->fds[i] >= 0) close(run->fds[i]);
        run->fds[i] = -1;
    }
}

static void dial_all(struct run *run, int patience_ms)
{
    for (size_t i = 0; i < run->count; i++) {
        run->fds[i] = rough_dial(run->place->url, HOSTILE_HOST);
        if (run->fds[i] >= 0) rough_write(run->fds[i], buffer_bytes(&run->says), patience_ms);
    }
}

/* Asks as long as the other end takes requests, and reads no answer. */
static void ask_unread(struct run *run)
{
    dial_all(run, 0);
    for (bool more = true; more;) {
        more = false;
        for (size_t i = 0; i < run->count; i++)
            if (run->fds[i] >= 0 && rough_write(run->fds[i], buffer_bytes(&run->says), 5) > 0) more = true;
    }
}

/* A connection that is cut off for that is replaced by another one. */
static void ask_unread_again(struct run *run)
{
    while (!run->stop)
        for (size_t i = 0; i < run->count && !run->stop; i++) {
            if (run->fds[i] >= 0 && rough_write(run->fds[i], buffer_bytes(&run->says), 5) > 0) continue;
            char heard;
            if (run->fds[i] >= 0 && recv(run->fds[i], &heard, 1, MSG_DONTWAIT | MSG_PEEK) != 0) continue;
            if (run->fds[i] >= 0) close(run->fds[i]);
            run->fds[i] = rough_dial(run->place->url, HOSTILE_HOST);
        }
}

static void ask_and_go(struct run *run)
{
    while (!run->stop) {
        dial_all(run, 0);
        close_all(run);
        usleep(5000); /* what they leave behind is measured, not how many there can be in a second */
    }
}

/* Twice, as connections that are cut off come again. */
static void announce_twice(struct run *run)
{
    dial_all(run, 0);
    close_all(run);
    dial_all(run, 0);
}

static void send_batches(struct run *run)
{
    dial_all(run, 100);
    for (size_t i = 0; i < run->count; i++)
        for (size_t k = 1; k < BATCHES && run->fds[i] >= 0; k++)
            rough_write(run->fds[i], buffer_bytes(&run->says), 100);
}

/* Sends the next batch as soon as one is answered. */
static void send_more_batches(struct run *run)
{
    while (!run->stop)
        for (size_t i = 0; i < run->count; i++)
            if (run->fds[i] >= 0 && rough_read(run->fds[i], run->transport, 1000))
                rough_write(run->fds[i], buffer_bytes(&run->says), 1000);
}

/* Subscribes to events, and reads none. */
static void hear_unread(struct run *run)
{
    for (size_t i = 0; i < run->count; i++)
        run->fds[i] = rough_dial_as(run->place->events_url, HOSTILE_HOST, ROUGH_SUB);
}

/* As many registrations as one is given. */
static void register_many(struct run *run)
{
    Jwkd__V1__HelloRequest hello = JWKD__V1__HELLO_REQUEST__INIT;
    hello.subscribe = true;
    const Jwkd__V1__Request request = new_request(JWKD__V1__REQUEST__OPERATION_HELLO, &hello);
    const size_t registrations = run->bench->quick ? 100 : 5000;
    run->says.size = 0;
    if (!rough_append(run->transport, &request, &run->says)) return;
    run->fds[0] = rough_dial(run->place->url, HOSTILE_HOST);
    for (size_t i = 0; i < registrations && run->fds[0] >= 0; i++) {
        rough_write(run->fds[0], buffer_bytes(&run->says), 1000);
        if (!rough_read(run->fds[0], run->transport, 5000)) return;
    }
}

static const struct attack ATTACKS[] = {
    {"unread-1", 2, 1, say_much, ask_unread, ask_unread_again, false},
    {"unread-8", 2, 8, say_much, ask_unread, ask_unread_again, false},
    {"unread-64", 2, 64, say_much, ask_unread, ask_unread_again, false},
    {"gone-unread", 0, 16, say_some, NULL, ask_and_go, false},
    {"announce-2000", 0, 2000, announce, announce_twice, NULL, false},
    {"half-2000", 0, 2000, say_half, announce_twice, NULL, false},
    {"hear-2000", 0, 2000, NULL, hear_unread, NULL, false},
    {"register-5000", 0, 1, NULL, register_many, NULL, false},
    {"batches", 0, 4, say_batch, send_batches, send_more_batches, true},
};

/* ---- the good client */

struct good {
    jwkd_client *client;
    bool relay;
};

static jwkd_status ask_once(const struct good *good, jwkd_error *error)
{
    static const char claims[] = "{\"sub\":\"good\"}";
    const jwkd_sign_item item = {.claims = {.data = claims, .size = sizeof claims - 1}};
    CLEANUP(block_free_at) char *token = NULL;
    if (good->relay) return jwkd_ping(good->client, NULL, error);
    return jwkd_sign(good->client, "hostile", &item, &token, error);
}

static jwkd_status ask_for(const struct good *good, double seconds, struct samples *out, jwkd_error *error)
{
    const double end = now_sec() + seconds;
    while (now_sec() < end) {
        double begin = now_sec();
        TRY(ask_once(good, error));
        samples_add(out, (now_sec() - begin) * 1e3);
        usleep(500); /* it is no flood itself */
    }
    return JWKD_OK;
}

/* ---- the daemon */

static size_t count_descriptors(const struct daemon *daemon)
{
    char path[64];
    size_t count = 0;
    snprintf(path, sizeof path, "/proc/%d/fd", daemon->pid);
    DIR *directory = opendir(path);
    while (directory && readdir(directory))
        count++;
    if (directory) closedir(directory);
    return count > 2 ? count - 2 : 0;
}

/* ---- one case */

static void *go_on(void *argument)
{
    struct run *run = ((void **)argument)[0];
    const struct attack *attack = ((void **)argument)[1];
    attack->go_on(run);
    return NULL;
}

static void report_value(const struct bench *bench, const char *name, const char *what, const char *unit,
    double value, double limit)
{
    char whole[64];
    snprintf(whole, sizeof whole, "%s %s", name, what);
    const struct figure figure = {.bench = "hostile",
        .name = whole,
        .unit = unit,
        .value = value,
        .goal = limit > 0 ? GOAL_VALUE_UNDER : GOAL_NONE,
        .limit = limit};
    report_figure(bench, &figure);
}

static void report_waits(const struct bench *bench, const char *name, double at_most, struct samples *before,
    struct samples *under)
{
    const double floor = samples_quantile(before, 0.99);
    struct figure figure = {.bench = "hostile",
        .name = name,
        .unit = "ms",
        .latency = true,
        .p50 = samples_quantile(under, 0.5),
        .p99 = samples_quantile(under, 0.99),
        .floor = floor,
        .goal = at_most > 0 ? GOAL_RATIO_AT_MOST : GOAL_NONE,
        .limit = at_most};
    if (floor > 0) figure.ratio = figure.p99 / floor;
    report_figure(bench, &figure);
}

struct outcome {
    struct samples before, under;
    double resident_before, resident_under, resident_after;
    size_t descriptors_before, descriptors_after;
};

/* Waits until memory is within a tenth of what it was, and there are as many descriptors as before; for ten
 * seconds at most. */
static jwkd_status await_calm(
    const struct bench *bench, const struct daemon *daemon, struct outcome *out, jwkd_error *error)
{
    const double end = now_sec() + (bench->quick ? 0.5 : 10);
    do {
        usleep(50000);
        TRY(daemon_resident(daemon, &out->resident_after, error));
        out->descriptors_after = count_descriptors(daemon);
        if (out->resident_after <= out->resident_before * 1.1 &&
            out->descriptors_after <= out->descriptors_before)
            break;
    } while (now_sec() < end);
    return JWKD_OK;
}

static jwkd_status disturb(struct run *run, const struct attack *attack, const struct good *good,
    struct outcome *out, jwkd_error *error)
{
    const double seconds = run->bench->quick ? 0.05 : 2;
    const struct daemon *daemon = run->place->daemon;
    void *argument[2] = {run, (void *)(uintptr_t)attack};
    pthread_t thread;
    if (attack->say && !attack->say(run)) return fail(error, JWKD_NO_MEMORY, "out of memory");
    TRY(ask_for(good, seconds, &out->before, error));
    TRY(daemon_resident(daemon, &out->resident_before, error));
    out->descriptors_before = count_descriptors(daemon);
    if (attack->begin) attack->begin(run);
    bool more = attack->go_on && pthread_create(&thread, NULL, go_on, argument) == 0;
    jwkd_status status = ask_for(good, seconds, &out->under, error);
    if (status == JWKD_OK) status = daemon_resident(daemon, &out->resident_under, error);
    run->stop = true;
    if (more) pthread_join(thread, NULL);
    close_all(run);
    TRY(status);
    return await_calm(run->bench, daemon, out, error);
}

static void outcome_clear(struct outcome *outcome)
{
    samples_clear(&outcome->before);
    samples_clear(&outcome->under);
}

static void run_clear(struct run **run)
{
    if (!*run) return;
    buffer_clear(&(*run)->says);
    free(*run);
}

static jwkd_status measure(const struct bench *bench, const struct place *place, const struct attack *attack,
    const struct good *good, jwkd_error *error)
{
    char name[48];
    CLEANUP(outcome_clear) struct outcome outcome = {0};
    CLEANUP(run_clear) struct run *run = NULL;
    snprintf(name, sizeof name, "%s-%s", place->name, attack->name);
    if (!bench_wants(bench, name) || (attack->service_only && place->relay)) return JWKD_OK;
    run = calloc(1, sizeof *run);
    if (!run || samples_new(ROOM, &outcome.before) != JWKD_OK || samples_new(ROOM, &outcome.under) != JWKD_OK)
        return fail(error, JWKD_NO_MEMORY, "out of memory");
    run->bench = bench;
    run->place = place;
    run->transport = strncmp(place->url, "ipc:", 4) == 0 ? TRANSPORT_IPC : TRANSPORT_TCP;
    run->count = bench->quick && attack->connections > 64 ? 64 : attack->connections;
    for (size_t i = 0; i < MOST; i++)
        run->fds[i] = -1;
    TRY(disturb(run, attack, good, &outcome, error));
    report_waits(bench, name, attack->at_most, &outcome.before, &outcome.under);
    report_value(bench, name, "memory", "MiB", outcome.resident_under - outcome.resident_before, 128);
    report_value(bench, name, "kept", "MiB", outcome.resident_after - outcome.resident_before,
        outcome.resident_before / 10);
    report_value(bench, name, "files", "more",
        (double)outcome.descriptors_after - (double)outcome.descriptors_before, 0);
    return JWKD_OK;
}

static jwkd_status ask_one_of_many(void *context, size_t caller, size_t *done, jwkd_error *error)
{
    (void)caller;
    ++*done;
    return ask_once(context, error);
}

/* What a service takes at its first use is not what an attack leaves behind. */
static jwkd_status use(const struct bench *bench, struct good *good, jwkd_error *error)
{
    double rate;
    return callers_run(GOOD_CALLERS, bench->quick ? 0.05 : 1, ask_one_of_many, good, &rate, error);
}

static jwkd_status take_credential(const struct place *place, jwkd_error *error)
{
    buffer_clear(&credential);
    FILE *file = *place->token_file ? fopen(place->token_file, "r") : NULL;
    char token[128] = "";
    bool read = !*place->token_file || (file && fgets(token, sizeof token, file));
    if (file) fclose(file);
    if (!read) return fail(error, JWKD_UNAVAILABLE, "%s cannot be read", place->token_file);
    return buffer_append_text(&credential, token);
}

static jwkd_status measure_all(const struct bench *bench, const struct place *place, jwkd_error *error)
{
    const jwkd_client_options options = {
        .name = "good", .timeout_ms = 30000, .token_file = place->token_file};
    CLEANUP(jwkd_close_at) jwkd_client *client = NULL;
    TRY(take_credential(place, error));
    TRY(jwkd_open(place->url, &options, &client, error));
    struct good good = {.client = client, .relay = place->relay};
    TRY(use(bench, &good, error));
    for (size_t i = 0; i < sizeof ATTACKS / sizeof *ATTACKS; i++)
        TRY(measure(bench, place, &ATTACKS[i], &good, error));
    return JWKD_OK;
}

/* ---- ten thousand requests held open */

struct held {
    struct net_request from;
    struct held *next;
};

struct holder {
    pthread_mutex_t lock;
    struct held *first;
    atomic_size_t count;
};

/* A question of one byte is answered, any other is held. */
static void answer_or_hold(void *context, struct net_request *from, struct bytes message)
{
    struct holder *holder = context;
    struct held *held = (struct held *)(void *)from;
    struct buffer answer = {0};
    if (message.size == 1 || net_hold(from) != JWKD_OK) {
        if (buffer_append_bytes(&answer, message) != JWKD_OK) buffer_clear(&answer);
        net_answer(from, &answer);
        return;
    }
    pthread_mutex_lock(&holder->lock);
    held->next = holder->first;
    holder->first = held;
    pthread_mutex_unlock(&holder->lock);
    holder->count++;
}

static void let_go(struct holder *holder)
{
    struct held *held = holder->first;
    holder->first = NULL;
    while (held) {
        struct held *next = held->next;
        struct buffer answer = {0};
        if (buffer_append(&answer, "!", 1) != JWKD_OK) buffer_clear(&answer);
        net_answer(&held->from, &answer);
        held = next;
    }
}

static bool ask_byte(int fd, struct samples *out)
{
    static const uint8_t question[] = {1, 0, 0, 0, 0, 0, 0, 0, 5, 0x80, 0, 0, 1, '?'};
    double begin = now_sec();
    if (rough_write(fd, bytes_of(question, sizeof question), 1000) != sizeof question ||
        !rough_read(fd, TRANSPORT_IPC, 30000))
        return false;
    samples_add(out, (now_sec() - begin) * 1e3);
    return true;
}

static bool ask_bytes(const struct bench *bench, int fd, struct samples *out)
{
    const double end = now_sec() + (bench->quick ? 0.05 : 3);
    bool answered = fd >= 0;
    while (answered && now_sec() < end)
        answered = ask_byte(fd, out);
    return answered;
}

static size_t hold_many(const char *url, struct holder *holder, int fds[HOLDERS])
{
    static const uint8_t question[] = {1, 0, 0, 0, 0, 0, 0, 0, 6, 0x80, 0, 0, 1, 'h', 'o'};
    for (size_t i = 0; i < HOLDERS; i++) {
        fds[i] = rough_dial(url, HOSTILE_HOST);
        for (size_t k = 0; k < HELD / HOLDERS && fds[i] >= 0; k++)
            rough_write(fds[i], bytes_of(question, sizeof question), 1000);
    }
    for (double end = now_sec() + 30; holder->count < HELD && now_sec() < end;)
        usleep(1000);
    return holder->count;
}

static jwkd_status measure_held(const struct bench *bench, const struct daemon *daemon, jwkd_error *error)
{
    char url[400];
    const char *const urls[] = {url};
    struct holder holder = {.lock = PTHREAD_MUTEX_INITIALIZER};
    const struct net_options options = {.urls = urls,
        .url_count = 1,
        .largest = LIMIT_REQUEST,
        .request_size = sizeof(struct held),
        .handle = answer_or_hold,
        .context = &holder};
    struct net_server *server;
    int fds[HOLDERS];
    CLEANUP(outcome_clear) struct outcome outcome = {0};
    if (!bench_wants(bench, "held-10000")) return JWKD_OK;
    snprintf(url, sizeof url, "ipc://%s/held.sock", daemon->dir);
    if (samples_new(ROOM, &outcome.before) != JWKD_OK || samples_new(ROOM, &outcome.under) != JWKD_OK)
        return fail(error, JWKD_NO_MEMORY, "out of memory");
    TRY(net_start(&options, &server, error));
    int good = rough_dial(url, HOSTILE_HOST);
    bool answered = ask_bytes(bench, good, &outcome.before);
    size_t held = hold_many(url, &holder, fds);
    answered = answered && ask_bytes(bench, good, &outcome.under);
    for (size_t i = 0; i < HOLDERS; i++)
        if (fds[i] >= 0) close(fds[i]);
    if (good >= 0) close(good);
    net_stop(server);
    let_go(&holder);
    net_free(server);
    if (!answered || held < HELD)
        return fail(error, JWKD_UNAVAILABLE, "%zu requests were held, not %d", held, HELD);
    report_waits(bench, "held-10000", 0, &outcome.before, &outcome.under);
    return JWKD_OK;
}

/* ---- all of it */

static void allow_files(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
}

static jwkd_status make_keys(const struct daemon *daemon, jwkd_error *error)
{
    CLEANUP(jwkd_close_at) jwkd_client *client = NULL;
    CLEANUP(block_free_at) jwkd_key_answer *change = NULL;
    TRY(connect_to(daemon, &client, error));
    TRY(make_environment(client, "hostile", "ES256", 0, error));
    uint32_t ready;
    TRY(await_reserve(client, "P-256", 30, &ready, error));
    return jwkd_generate(client, "hostile", NULL, &change, error);
}

struct tcp_urls {
    char requests[64], events[64];
};

/* The daemon listens on the ports at once, so that the next call of free_ports() finds others. */
static jwkd_status start_at_tcp(
    struct daemon *daemon, struct tcp_urls *urls, const struct bench *bench, jwkd_error *error)
{
    unsigned port = free_ports();
    if (port == 0) return fail(error, JWKD_UNAVAILABLE, "no tcp port is free");
    snprintf(urls->requests, sizeof urls->requests, "tcp://127.0.0.1:%u", port);
    snprintf(urls->events, sizeof urls->events, "tcp://127.0.0.1:%u", port + 1);
    daemon->listen = urls->requests;
    daemon->listen_events = urls->events;
    return daemon_start(daemon, bench, 0, error);
}

static void events_of(const struct daemon *daemon, char *out, size_t size)
{
    snprintf(out, size, "ipc://%s/run/events.sock", daemon->dir);
}

jwkd_status bench_hostile(const struct bench *bench, jwkd_error *error)
{
    char service_events[300], relay_events[300];
    struct tcp_urls service_tcp, relay_tcp;
    CLEANUP(daemon_clear) struct daemon service = {0};
    CLEANUP(daemon_clear) struct daemon relay = {0};
    allow_files();
    TRY(start_at_tcp(&service, &service_tcp, bench, error));
    TRY(make_keys(&service, error));
    TRY(daemon_make_token(&service, error));
    relay.upstream = service.url;
    TRY(start_at_tcp(&relay, &relay_tcp, bench, error));
    events_of(&service, service_events, sizeof service_events);
    events_of(&relay, relay_events, sizeof relay_events);
    const struct place places[] = {{"ipc", service.url, service_events, "", &service, false},
        {"tcp", service_tcp.requests, service_tcp.events, service.token_file, &service, false},
        {"relay-ipc", relay.url, relay_events, service.token_file, &relay, true},
        {"relay-tcp", relay_tcp.requests, relay_tcp.events, service.token_file, &relay, true}};
    for (size_t i = 0; i < sizeof places / sizeof *places; i++)
        TRY(measure_all(bench, &places[i], error));
    buffer_clear(&credential);
    return measure_held(bench, &service, error);
}
