/* The API token: where it is read from, that every request carries it, and that nobody else hears it. */
#include "client/cases.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <ifaddrs.h>
#include <jwkd.h>
#include <net/if.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "client/fake_service.h"
#include "lib/connection/credential.h"

#define OP(name) JWKD__V1__REQUEST__OPERATION_##name
#define ONE "jwkd_one"
#define OTHER "jwkd_other"

enum { LONG_MS = 60000, SHORT_MS = 300, SOMEBODY = 54321, THEIR_GROUP = 54322, GREETING_SIZE = 8 };

static char directory[64], path[96];

static int set_up(void **state)
{
    (void)state;
    strcpy(directory, "/tmp/jwkd-token-XXXXXX");
    if (!mkdtemp(directory)) return -1;
    snprintf(path, sizeof path, "%s/token", directory);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    unlink(path);
    rmdir(directory);
    unsetenv("JWKD_TOKEN_FILE");
    return 0;
}

/* As another file in its place. */
static void write_file(const char *text, mode_t mode)
{
    char fresh[112];
    snprintf(fresh, sizeof fresh, "%s.new", path);
    FILE *file = fopen(fresh, "w");
    assert_non_null(file);
    assert_int_equal(fwrite(text, 1, strlen(text), file), strlen(text));
    assert_int_equal(fclose(file), 0);
    assert_int_equal(chmod(fresh, mode), 0);
    assert_int_equal(rename(fresh, path), 0);
}

/* ---- reading the file */

static bool reads(const char *text)
{
    struct credential credential;
    uint8_t token[LIMIT_CREDENTIAL];
    write_file(text, 0600);
    if (credential_open(&credential, path, LONG_MS, NULL) != JWKD_OK) return false;
    size_t size = credential_get(&credential, clock_elapsed_ns(), token);
    credential_close(&credential);
    return bytes_equal_text(bytes_of(token, size), ONE);
}

static bool is_refused(const char *token_file, const char *words)
{
    struct credential credential = {0};
    jwkd_error error = {0};
    jwkd_status status = credential_open(&credential, token_file, SHORT_MS, &error);
    credential_close(&credential);
    if (status == JWKD_UNAUTHENTICATED && strstr(error.message, "cannot read token file ") &&
        strstr(error.message, words))
        return true;
    fprintf(stderr, "%s: %s, \"%s\"\n", token_file, jwkd_status_name(status), error.message);
    return false;
}

static bool refuses(const char *text, const char *words)
{
    write_file(text, 0600);
    return is_refused(path, words);
}

static void token_file__holds_a_token_on_its_first_line(void **state)
{
    (void)state;
    char *large = malloc(LIMIT_CREDENTIAL + 2);
    assert_true(reads(ONE));
    assert_true(reads(ONE "\n"));
    assert_true(reads(ONE "\r\n"));
    assert_true(reads(ONE "\nwhat stands below is nobody's business\n"));
    assert_true(refuses("", "nothing on its first line"));
    assert_true(refuses("\n" ONE, "nothing on its first line"));
    assert_true(refuses(" " ONE, "is no token"));
    assert_true(refuses("two words", "is no token"));
    assert_true(refuses("\x01", "is no token"));
    assert_true(refuses("k\xc3\xa9y", "is no token"));
    memset(large, 'x', LIMIT_CREDENTIAL + 1);
    large[LIMIT_CREDENTIAL + 1] = '\0';
    assert_true(refuses(large, "too large"));
    large[LIMIT_CREDENTIAL] = '\n';
    struct credential credential;
    write_file(large, 0600);
    assert_int_equal(credential_open(&credential, path, LONG_MS, NULL), JWKD_OK);
    assert_int_equal(credential.held.token.size, LIMIT_CREDENTIAL);
    credential_close(&credential);
    free(large);
}

static void token_file__is_for_its_owner_alone(void **state)
{
    (void)state;
    write_file(ONE, 0640);
    assert_true(is_refused(path, "mode 0640): chmod 600 it"));
    write_file(ONE, 0604);
    assert_true(is_refused(path, "mode 0604): chmod 600 it"));
    unlink(path);
    assert_true(is_refused(path, "No such file"));
    assert_true(is_refused("/dev/null", "neither a regular file nor a pipe"));
    assert_true(is_refused(directory, "neither a regular file nor a pipe"));
}

/* As systemd leaves it to a service, and Kubernetes to a pod. */
static void token_file__may_be_of_roots_and_for_a_group(void **state)
{
    (void)state;
    struct credential credential;
    if (geteuid() != 0) skip(); /* only root can be somebody else */
    assert_int_equal(chmod(directory, 0755), 0);
    write_file(ONE, 0440);
    assert_int_equal(chown(path, 0, 0), 0);
    assert_int_equal(seteuid(SOMEBODY), 0);
    jwkd_status of_root = credential_open(&credential, path, LONG_MS, NULL);
    if (of_root == JWKD_OK) credential_close(&credential);
    assert_int_equal(seteuid(0), 0);
    assert_int_equal(of_root, JWKD_OK);
    assert_int_equal(chown(path, SOMEBODY, 0), 0);
    assert_int_equal(seteuid(SOMEBODY), 0);
    bool refused = is_refused(path, "chmod 600 it");
    assert_int_equal(seteuid(0), 0);
    assert_true(refused);
}

/* What is in the pipe is gone when it was read. */
static void token_file__may_be_a_pipe_that_is_read_once(void **state)
{
    (void)state;
    int ends[2];
    char name[32];
    uint8_t token[LIMIT_CREDENTIAL];
    struct credential credential;
    assert_int_equal(pipe(ends), 0);
    snprintf(name, sizeof name, "/dev/fd/%d", ends[0]);
    assert_true(is_refused(name, "nothing came through the pipe"));
    assert_int_equal(write(ends[1], ONE "\n", sizeof ONE), sizeof ONE);
    assert_int_equal(credential_open(&credential, name, LONG_MS, NULL), JWKD_OK);
    write_file(OTHER, 0600);
    int other = open(path, O_RDONLY | O_CLOEXEC);
    assert_int_equal(dup2(other, ends[0]), ends[0]); /* the number is somebody else's now */
    for (uint64_t second = 0; second < 10; second++)
        assert_int_equal(
            credential_get(&credential, clock_elapsed_ns() + second * NS_PER_SEC, token), strlen(ONE));
    close(other);
    close(ends[0]);
    close(ends[1]);
    credential_close(&credential);
}

static void token_file__is_named_by_the_environment(void **state)
{
    (void)state;
    struct credential credential;
    write_file(ONE, 0600);
    assert_int_equal(credential_open(&credential, NULL, LONG_MS, NULL), JWKD_OK);
    assert_false(credential_is_set(&credential));
    setenv("JWKD_TOKEN_FILE", path, 1);
    assert_int_equal(credential_open(&credential, NULL, LONG_MS, NULL), JWKD_OK);
    assert_true(credential_is_set(&credential));
    credential_close(&credential);
    assert_int_equal(credential_open(&credential, "", LONG_MS, NULL), JWKD_OK); /* none, and that is meant */
    assert_false(credential_is_set(&credential));
    setenv("JWKD_TOKEN_FILE", "/nowhere/token", 1);
    assert_int_equal(credential_open(&credential, path, LONG_MS, NULL), JWKD_OK); /* what is said counts */
    credential_close(&credential);
    assert_true(is_refused(NULL, "cannot read token file /nowhere/token"));
}

/* A relative name leads to the same file wherever the program goes. */
static void token_file__stays_where_it_is(void **state)
{
    (void)state;
    struct credential credential;
    char here[4096];
    assert_non_null(getcwd(here, sizeof here));
    write_file(ONE, 0600);
    assert_int_equal(chdir(directory), 0);
    assert_int_equal(credential_open(&credential, "token", LONG_MS, NULL), JWKD_OK);
    assert_int_equal(chdir(here), 0);
    assert_string_equal(credential.path, path);
    credential_close(&credential);
}

static bool gives(struct credential *credential, uint64_t second, const char *expected)
{
    uint8_t token[LIMIT_CREDENTIAL];
    size_t size = credential_get(credential, clock_elapsed_ns() + second * 2 * NS_PER_SEC, token);
    return bytes_equal_text(bytes_of(token, size), expected);
}

static void token_file__is_read_anew_when_it_changes(void **state)
{
    (void)state;
    struct credential credential;
    write_file(ONE, 0600);
    assert_int_equal(credential_open(&credential, path, LONG_MS, NULL), JWKD_OK);
    write_file(OTHER, 0600);
    uint8_t token[LIMIT_CREDENTIAL];
    assert_int_equal(credential_get(&credential, 1, token), strlen(ONE)); /* not looked at all the time */
    assert_true(gives(&credential, 1, OTHER));
    uint64_t now_ns = clock_elapsed_ns() + 2 * NS_PER_SEC;
    write_file(ONE, 0600);
    assert_int_equal(credential_get(&credential, now_ns, token), strlen(OTHER));
    write_file(OTHER, 0600);
    unlink(path);
    assert_true(gives(&credential, 2, OTHER)); /* it is there again in a moment */
    write_file("", 0600);
    assert_true(gives(&credential, 3, OTHER));
    write_file(ONE, 0644);
    assert_true(gives(&credential, 4, OTHER));
    assert_int_equal(chmod(path, 0600), 0);
    assert_true(gives(&credential, 5, ONE));
    credential_close(&credential);
}

/* ---- what requests carry */

static void open__refuses_an_unreadable_token(void **state)
{
    (void)state;
    jwkd_client *client = NULL;
    jwkd_error error = {0};
    struct fake *fake = fake_start();
    const jwkd_client_options options = {.token_file = path, .background = true};
    assert_int_equal(jwkd_open(fake_url(fake), &options, &client, &error), JWKD_UNAUTHENTICATED);
    assert_non_null(strstr(error.message, "cannot read token file"));
    assert_null(client);
    assert_int_equal(fake_connections(fake), 0);
    fake_stop(fake);
}

static jwkd_status sign(jwkd_client *client)
{
    char *token = NULL;
    const jwkd_sign_item item = {.claims = {"hello", 5}};
    jwkd_status status = jwkd_sign(client, "shop", &item, &token, NULL);
    jwkd_free(token);
    return status;
}

static void call__carries_the_token(void **state)
{
    (void)state;
    jwkd_client *client = NULL;
    jwkd_verifier *verifier = NULL;
    jwkd_error error = {0};
    struct fake *fake = fake_start();
    fake_create_environment(fake, "shop", false);
    fake_generate(fake, "shop");
    fake_grant(fake, 30000, 20, 120000);
    fake_want_credential(fake, ONE);
    const jwkd_client_options options = {.token_file = path, .timeout_ms = LONG_MS};
    write_file(ONE "\n", 0600);
    assert_int_equal(jwkd_open(fake_url(fake), NULL, &client, &error), JWKD_UNAUTHENTICATED);
    assert_string_equal(error.message, "as?ordered");
    if (jwkd_open(fake_url(fake), &options, &client, &error) != JWKD_OK) fail_msg("%s", error.message);
    assert_int_equal(sign(client), JWKD_OK);
    assert_int_equal(jwkd_ping(client, NULL, NULL), JWKD_OK);
    assert_int_equal(jwkd_verifier_open(client, "shop", NULL, &verifier, &error), JWKD_OK);
    fake_await_confirmed(fake, "shop", 2);
    fake_await(fake, OP(RENEW), 3); /* none of them was refused, or the fake would not know of it */
    write_file(OTHER "\n", 0600);
    fake_want_credential(fake, OTHER);
    uint64_t until_ns = clock_elapsed_ns() + LONG_MS * NS_PER_MS;
    while (sign(client) == JWKD_UNAUTHENTICATED && clock_elapsed_ns() < until_ns)
        usleep(1000);
    assert_int_equal(sign(client), JWKD_OK);
    fake_hush(fake);
    jwkd_verifier_close(verifier);
    jwkd_close(client);
    fake_stop(fake);
}

/* ---- where it may travel */

static bool stays_here(const char *address)
{
    nng_sockaddr remote = {0};
    struct in_addr old;
    if (inet_pton(AF_INET, address, &old) == 1) {
        remote.s_family = NNG_AF_INET;
        remote.s_in.sa_addr = old.s_addr;
    } else {
        remote.s_family = NNG_AF_INET6;
        assert_int_equal(inet_pton(AF_INET6, address, remote.s_in6.sa_addr), 1);
    }
    return credential_stays_here(&remote);
}

static void token__stays_on_this_machine(void **state)
{
    (void)state;
    static const nng_sockaddr UNKNOWN = {.s_family = NNG_AF_UNSPEC};
    assert_true(stays_here("127.0.0.1"));
    assert_true(stays_here("127.255.3.4"));
    assert_true(stays_here("::1"));
    assert_true(stays_here("::ffff:127.0.0.1"));
    assert_false(stays_here("0.0.0.0"));
    assert_false(stays_here("1.0.0.127"));
    assert_false(stays_here("10.0.0.1"));
    assert_false(stays_here("128.0.0.1"));
    assert_false(stays_here("::"));
    assert_false(stays_here("::2"));
    assert_false(stays_here("::ffff:10.0.0.1"));
    assert_false(stays_here("::127.0.0.1"));
    assert_false(stays_here("fe80::1"));
    assert_false(credential_stays_here(&UNKNOWN));
}

/* Greets whoever comes as a service does, and counts what is said besides the greeting. */
struct ear {
    int listener;
    uint16_t port;
    atomic_bool stop;
    atomic_size_t heard;
    pthread_t thread;
};

static void hear(struct ear *ear, int fd)
{
    static const uint8_t GREETING[GREETING_SIZE] = {0, 'S', 'P', 0, 0, 0x31};
    uint8_t room[4096];
    size_t size = 0;
    struct pollfd waiting = {.fd = fd, .events = POLLIN};
    if (send(fd, GREETING, sizeof GREETING, MSG_NOSIGNAL) < 0) return;
    for (ssize_t got = 1; got > 0 && !ear->stop;) {
        if (poll(&waiting, 1, 10) == 0) continue;
        got = read(fd, room, sizeof room);
        if (got > 0) size += (size_t)got;
        if (size > GREETING_SIZE) ear->heard = size - GREETING_SIZE;
    }
}

static void *listen_on(void *argument)
{
    struct ear *ear = argument;
    struct pollfd waiting = {.fd = ear->listener, .events = POLLIN};
    while (!ear->stop) {
        if (poll(&waiting, 1, 10) == 0) continue;
        int fd = accept(ear->listener, NULL, NULL);
        if (fd < 0) continue;
        hear(ear, fd);
        close(fd);
    }
    return NULL;
}

static void ear_start(struct ear *ear, struct in_addr address)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr = address};
    socklen_t size = sizeof at;
    *ear = (struct ear){.listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    assert_int_equal(bind(ear->listener, (struct sockaddr *)&at, sizeof at), 0);
    assert_int_equal(getsockname(ear->listener, (struct sockaddr *)&at, &size), 0);
    assert_int_equal(listen(ear->listener, 8), 0);
    ear->port = ntohs(at.sin_port);
    assert_int_equal(pthread_create(&ear->thread, NULL, listen_on, ear), 0);
}

static void ear_stop(struct ear *ear)
{
    ear->stop = true;
    pthread_join(ear->thread, NULL);
    close(ear->listener);
}

/* Asks a service that does not answer; *out_heard: how many bytes of the request reached it. */
static jwkd_status ask_at(
    struct in_addr address, const jwkd_client_options *options, size_t *out_heard, jwkd_error *error)
{
    struct ear ear;
    char url[64], text[INET_ADDRSTRLEN];
    jwkd_client *client = NULL;
    ear_start(&ear, address);
    inet_ntop(AF_INET, &address, text, sizeof text);
    snprintf(url, sizeof url, "tcp://%s:%u", text, ear.port);
    jwkd_status status = jwkd_open(url, options, &client, error);
    if (status == JWKD_OK) status = jwkd_ping(client, NULL, error); /* in the background */
    jwkd_close(client);
    ear_stop(&ear);
    *out_heard = ear.heard;
    return status;
}

static void token__travels_over_loopback(void **state)
{
    (void)state;
    size_t heard;
    jwkd_error error = {0};
    const jwkd_client_options options = {.token_file = path, .timeout_ms = SHORT_MS};
    write_file(ONE, 0600);
    assert_int_equal(
        ask_at((struct in_addr){htonl(INADDR_LOOPBACK)}, &options, &heard, &error), JWKD_TIMED_OUT);
    assert_true(heard > strlen(ONE));
}

/* False: this machine has no other address than those of its loopback interface. */
static bool own_address(struct in_addr *out)
{
    bool found = false;
    struct ifaddrs *all = NULL;
    if (getifaddrs(&all) != 0) return false;
    for (const struct ifaddrs *one = all; one && !found; one = one->ifa_next) {
        if (!one->ifa_addr || one->ifa_addr->sa_family != AF_INET || (one->ifa_flags & IFF_LOOPBACK))
            continue;
        struct sockaddr_in address;
        memcpy(&address, one->ifa_addr, sizeof address);
        *out = address.sin_addr;
        found = true;
    }
    freeifaddrs(all);
    return found;
}

static void token__does_not_leave_the_machine(void **state)
{
    (void)state;
    size_t heard;
    jwkd_error error = {0};
    struct in_addr address;
    if (!own_address(&address)) skip();
    jwkd_client_options options = {.token_file = path, .timeout_ms = LONG_MS};
    write_file(ONE, 0600);
    uint64_t start_ns = clock_elapsed_ns();
    assert_int_equal(ask_at(address, &options, &heard, &error), JWKD_UNAUTHENTICATED);
    assert_true(clock_elapsed_ns() - start_ns < LONG_MS / 4 * NS_PER_MS);
    assert_non_null(strstr(error.message, "plain tcp, where others can read it"));
    assert_non_null(strstr(error.message, "insecure_tcp"));
    assert_int_equal(heard, 0);
    options.background = true;
    assert_int_equal(ask_at(address, &options, &heard, &error), JWKD_UNAUTHENTICATED);
    assert_int_equal(heard, 0);
    options.timeout_ms = SHORT_MS;
    options.background = false;
    options.insecure_tcp = true;
    assert_int_equal(ask_at(address, &options, &heard, &error), JWKD_TIMED_OUT);
    assert_true(heard > strlen(ONE));
    options.insecure_tcp = false;
    options.token_file = ""; /* there is nothing to keep secret */
    assert_int_equal(ask_at(address, &options, &heard, &error), JWKD_TIMED_OUT);
    assert_true(heard > 0);
}

/* Not only when the next connection is made. */
static void call__tells_at_once_that_the_last_connection_was_refused(void **state)
{
    (void)state;
    struct ear ear;
    struct in_addr address;
    char url[64], text[INET_ADDRSTRLEN];
    jwkd_client *client = NULL;
    if (!own_address(&address)) skip();
    const jwkd_client_options options = {.token_file = path, .timeout_ms = LONG_MS, .background = true};
    write_file(ONE, 0600);
    ear_start(&ear, address);
    inet_ntop(AF_INET, &address, text, sizeof text);
    snprintf(url, sizeof url, "tcp://%s:%u", text, ear.port);
    assert_int_equal(jwkd_open(url, &options, &client, NULL), JWKD_OK);
    assert_int_equal(jwkd_ping(client, NULL, NULL), JWKD_UNAUTHENTICATED);
    ear_stop(&ear); /* there is no next one */
    assert_int_equal(jwkd_ping(client, NULL, NULL), JWKD_UNAUTHENTICATED);
    jwkd_close(client);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        CASE(token_file__holds_a_token_on_its_first_line),
        CASE(token_file__is_for_its_owner_alone),
        CASE(token_file__may_be_of_roots_and_for_a_group),
        CASE(token_file__may_be_a_pipe_that_is_read_once),
        CASE(token_file__is_named_by_the_environment),
        CASE(token_file__stays_where_it_is),
        CASE(token_file__is_read_anew_when_it_changes),
        CASE(open__refuses_an_unreadable_token),
        CASE(call__carries_the_token),
        CASE(token__stays_on_this_machine),
        CASE(token__travels_over_loopback),
        CASE(token__does_not_leave_the_machine),
        CASE(call__tells_at_once_that_the_last_connection_was_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
