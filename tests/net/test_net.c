/* Listening with nng, for what is only published. */
#include "wire/cases.h"

#include "net/admission.h"
#include "net/listen.h"

#include <dlfcn.h>
#include <netdb.h>
#include <netinet/in.h>
#include <nng/protocol/reqrep0/rep.h>
#include <nng/protocol/reqrep0/req.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

enum { LARGEST = 64, REQUEST_HEADER = 4 /* nng's own, which counts */, PATIENCE_MS = 60000 };

struct pair {
    char directory[32], path[48], url[64];
    nng_socket rep, req;
};

static int setup(void **state)
{
    struct pair *pair = calloc(1, sizeof *pair);
    strcpy(pair->directory, "/tmp/jwkd-net-XXXXXX");
    assert_non_null(mkdtemp(pair->directory));
    snprintf(pair->path, sizeof pair->path, "%s/s.sock", pair->directory);
    snprintf(pair->url, sizeof pair->url, "ipc://%s", pair->path);
    assert_int_equal(nng_rep0_open(&pair->rep), 0);
    assert_int_equal(nng_req0_open(&pair->req), 0);
    nng_socket_set_ms(pair->rep, NNG_OPT_RECVTIMEO, PATIENCE_MS);
    nng_socket_set_ms(pair->req, NNG_OPT_SENDTIMEO, PATIENCE_MS);
    nng_socket_set_ms(pair->req, NNG_OPT_REQ_RESENDTIME, NNG_DURATION_INFINITE);
    *state = pair;
    return 0;
}

static int teardown(void **state)
{
    struct pair *pair = *state;
    nng_pipe_notify(pair->rep, NNG_PIPE_EV_REM_POST, NULL, NULL);
    nng_close(pair->req);
    nng_close(pair->rep);
    unlink(pair->path);
    assert_int_equal(rmdir(pair->directory), 0);
    free(pair);
    return 0;
}

static nng_msg *ask(struct pair *pair, const char *question, size_t size)
{
    nng_msg *message;
    assert_int_equal(nng_send(pair->req, (void *)(uintptr_t)question, size, 0), 0);
    assert_int_equal(nng_recvmsg(pair->rep, &message, 0), 0);
    return message;
}

static void listen__is_for_owner_and_group(void **state)
{
    struct pair *pair = *state;
    struct stat about;
    assert_int_equal(net_listen(pair->rep, pair->url, LARGEST, NULL), JWKD_OK);
    assert_int_equal(stat(pair->path, &about), 0);
    assert_int_equal(about.st_mode & 0777, 0660);
}

static void count_lost(nng_pipe pipe, nng_pipe_ev event, void *lost)
{
    (void)pipe;
    (void)event;
    atomic_fetch_add((atomic_int *)lost, 1);
}

static void listen__drops_who_sends_too_much(void **state)
{
    struct pair *pair = *state;
    static atomic_int lost; /* outlives a case that fails */
    char largest[LARGEST - REQUEST_HEADER] = {0}, more[sizeof largest + 1] = {0};
    nng_pipe_notify(pair->rep, NNG_PIPE_EV_REM_POST, count_lost, &lost);
    assert_int_equal(net_listen(pair->rep, pair->url, LARGEST, NULL), JWKD_OK);
    assert_int_equal(nng_dial(pair->req, pair->url, NULL, 0), 0);
    nng_msg *message = ask(pair, largest, sizeof largest);
    assert_int_equal(nng_msg_len(message), sizeof largest);
    nng_msg_free(message);
    assert_int_equal(lost, 0);
    assert_int_equal(nng_send(pair->req, more, sizeof more, 0), 0);
    for (int i = 0; i < PATIENCE_MS && lost == 0; i++)
        usleep(1000);
    assert_int_equal(lost, 1);
}

static void listen__says_where_it_cannot(void **state)
{
    struct pair *pair = *state;
    jwkd_error error = {0};
    assert_int_equal(net_listen(pair->rep, "ipc:///nowhere/s.sock", LARGEST, &error), JWKD_UNAVAILABLE);
    assert_non_null(strstr(error.message, "ipc:///nowhere/s.sock"));
}

/* The library would take it away without a word. */
static void listen__never_takes_the_place_of_a_file(void **state)
{
    struct pair *pair = *state;
    jwkd_error error = {0};
    FILE *file = fopen(pair->path, "w");
    assert_non_null(file);
    fclose(file);
    jwkd_status status = net_listen(pair->rep, pair->url, LARGEST, &error);
    struct stat about = {0};
    bool there = lstat(pair->path, &about) == 0 && S_ISREG(about.st_mode);
    unlink(pair->path);
    assert_true(there);
    assert_int_equal(status, JWKD_UNAVAILABLE);
    assert_non_null(strstr(error.message, "no socket"));
}

static void told_url__is_what_a_caller_can_dial(void **state)
{
    static const char *const ROWS[][2] = {
        {"tcp://0.0.0.0:7000", "tcp://:7000"},
        {"tcp://[::]:7000", "tcp://:7000"},
        {"tcp://*:7000", "tcp://:7000"},
        {"tcp://10.0.0.1:7000", "tcp://10.0.0.1:7000"},
        {"tcp://10.0.0.0:7000", "tcp://10.0.0.0:7000"},
        {"ipc:///run/jwkd/events.sock", "ipc:///run/jwkd/events.sock"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof ROWS / sizeof *ROWS; i++) {
        char told[URL_SIZE];
        net_told_url(ROWS[i][0], told);
        assert_string_equal(told, ROWS[i][1]);
    }
}

static bool has_ipv6(void)
{
    const struct sockaddr_in6 loopback = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    int one = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool has = one >= 0 && bind(one, (const struct sockaddr *)&loopback, sizeof loopback) == 0;
    if (one >= 0) close(one);
    return has;
}

static void dial_and_hang_up(nng_socket socket, const char *host, unsigned port)
{
    char url[64];
    nng_dialer dialer;
    snprintf(url, sizeof url, "tcp://%s:%u", host, port);
    if (nng_dial(socket, url, &dialer, 0) != 0) fail_msg("nobody listens at %s", url);
    nng_dialer_close(dialer);
}

static void listen__without_a_host_is_for_both_families(void **state)
{
    struct pair *pair = *state;
    static const char *const ANY[] = {"", "*"};
    for (size_t i = 0; i < sizeof ANY / sizeof *ANY; i++) {
        char url[64];
        unsigned port = 20000 + (unsigned)getpid() % 5000;
        do /* until one is free */
            snprintf(url, sizeof url, "tcp://%s:%u", ANY[i], ++port);
        while (port < 32000 && net_listen(pair->rep, url, LARGEST, NULL) != JWKD_OK);
        dial_and_hang_up(pair->req, "127.0.0.1", port);
        if (has_ipv6()) dial_and_hang_up(pair->req, "[::1]", port);
    }
}

/* A name with an address of each family, as "localhost" is on most machines; libnng asks this, too. */
__attribute__((visibility("default"))) int getaddrinfo(const char *restrict node,
    const char *restrict service, const struct addrinfo *restrict hints, struct addrinfo **restrict out)
{
    int (*real)(const char *, const char *, const struct addrinfo *, struct addrinfo **);
    struct addrinfo loopback = {.ai_socktype = SOCK_STREAM};
    *(void **)&real = dlsym(RTLD_NEXT, "getaddrinfo");
    if (node && strcmp(node, "both.test") == 0) return real(NULL, service, &loopback, out);
    return real(node, service, hints, out);
}

static void listen__is_for_each_address_of_a_name(void **state)
{
    struct pair *pair = *state;
    char url[64];
    unsigned port = 26000 + (unsigned)getpid() % 5000, tries = 0;
    jwkd_status status;
    do { /* until one is free */
        snprintf(url, sizeof url, "tcp://both.test:%u", ++port);
        status = net_listen(pair->rep, url, LARGEST, NULL);
    } while (status != JWKD_OK && ++tries < 20);
    assert_int_equal(status, JWKD_OK);
    dial_and_hang_up(pair->req, "127.0.0.1", port);
    if (has_ipv6()) dial_and_hang_up(pair->req, "[::1]", port);
}

static nng_socket dial_another(const struct pair *pair)
{
    nng_socket socket;
    assert_int_equal(nng_req0_open(&socket), 0);
    assert_int_equal(nng_socket_set_ms(socket, NNG_OPT_RECONNMINT, 1000 * PATIENCE_MS), 0);
    assert_int_equal(nng_dial(socket, pair->url, NULL, 0), 0);
    return socket;
}

static void await_admitted(const struct admission *admission, size_t count)
{
    for (int i = 0; i < PATIENCE_MS && admission_count(admission) != count; i++)
        usleep(1000);
    assert_int_equal(admission_count(admission), count);
}

static void count_trouble(void *count, jwkd_status status, const char *message)
{
    assert_int_equal(status, JWKD_RESOURCE_EXHAUSTED);
    assert_non_null(message);
    atomic_fetch_add((atomic_int *)count, 1);
}

/* One caller alone has half, and another connection when one has ended. */
static void admission__is_for_as_many_as_are_left_for_all_others(void **state)
{
    struct pair *pair = *state;
    struct admission *admission;
    nng_socket sockets[4];
    static atomic_int troubles; /* outlives a case that fails */
    assert_int_equal(admission_new(8, &admission), JWKD_OK);
    admission_on_trouble(admission, count_trouble, &troubles);
    assert_int_equal(admission_watch(admission, pair->rep, NULL), JWKD_OK);
    assert_int_equal(net_listen(pair->rep, pair->url, LARGEST, NULL), JWKD_OK);
    for (size_t i = 0; i < 4; i++)
        sockets[i] = dial_another(pair);
    await_admitted(admission, 4);
    assert_int_equal(admission_refused(admission), 0);
    nng_socket refused = dial_another(pair);
    for (int i = 0; i < PATIENCE_MS && admission_refused(admission) == 0; i++)
        usleep(1000);
    assert_true(admission_refused(admission) > 0);
    for (int i = 0; i < PATIENCE_MS && troubles == 0; i++)
        usleep(1000);
    assert_true(troubles > 0);
    nng_close(refused);
    nng_close(sockets[0]);
    await_admitted(admission, 3);
    sockets[0] = dial_another(pair);
    await_admitted(admission, 4);
    for (size_t i = 0; i < 4; i++)
        nng_close(sockets[i]);
    nng_close(pair->rep);
    assert_int_equal(admission_count(admission), 0);
    admission_free(admission);
    assert_int_equal(nng_rep0_open(&pair->rep), 0); /* which the end of the case closes */
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        CASE(listen__is_for_owner_and_group),
        CASE(listen__drops_who_sends_too_much),
        CASE(listen__without_a_host_is_for_both_families),
        CASE(listen__is_for_each_address_of_a_name),
        CASE(admission__is_for_as_many_as_are_left_for_all_others),
        CASE(listen__says_where_it_cannot),
        CASE(listen__never_takes_the_place_of_a_file),
        CASE(told_url__is_what_a_caller_can_dial),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
