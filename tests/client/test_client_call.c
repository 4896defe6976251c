/* One request and its answer, with a service that misbehaves. */
#include "client/cases.h"

#include <jwkd.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "client/fake_service.h"
#include "dial/slammer.h"

#define OP(name) JWKD__V1__REQUEST__OPERATION_##name

enum { SHORT_MS = 150, LONG_MS = 60000, SLAMS = 12 };

struct setting {
    struct fake *fake;
    jwkd_client *client;
};

static jwkd_client *open_client(struct fake *fake, uint32_t timeout_ms)
{
    jwkd_client *client = NULL;
    jwkd_error error = {0};
    const jwkd_client_options options = {.name = "a test", .timeout_ms = timeout_ms};
    if (jwkd_open(fake_url(fake), &options, &client, &error) != JWKD_OK) fail_msg("%s", error.message);
    return client;
}

static int set_up(void **state)
{
    struct setting *setting = calloc(1, sizeof *setting);
    setting->fake = fake_start();
    fake_create_environment(setting->fake, "shop", false);
    fake_generate(setting->fake, "shop");
    setting->client = open_client(setting->fake, LONG_MS);
    *state = setting;
    return 0;
}

static int tear_down(void **state)
{
    struct setting *setting = *state;
    jwkd_close(setting->client);
    fake_stop(setting->fake);
    free(setting);
    return 0;
}

static const jwkd_sign_item HELLO = {.claims = {.data = "hello", .size = 5}};

/* Signs raw-simply: one request through the whole call. */
static jwkd_status get_jwks(jwkd_client *client, jwkd_error *error)
{
    char *jwks = NULL;
    jwkd_status status = jwkd_get_jwks(client, "shop", &jwks, error);
    jwkd_free(jwks);
    return status;
}

/* ---- opening */

static void open__says_at_once_that_nobody_listens(void **state)
{
    (void)state;
    char directory[] = "/tmp/jwkd-call-XXXXXX", path[64];
    assert_non_null(mkdtemp(directory));
    snprintf(path, sizeof path, "%s/rpc.sock", directory);
    jwkd_client *client = NULL;
    jwkd_error error = {0};
    const jwkd_client_options options = {.timeout_ms = LONG_MS};
    assert_int_equal(jwkd_open(path, &options, &client, &error), JWKD_UNREACHABLE);
    assert_null(client);
    assert_non_null(strstr(error.message, path));
    assert_int_equal(jwkd_open("tcp://127.0.0.1:1", &options, &client, &error), JWKD_UNREACHABLE);
    rmdir(directory);
}

static void open__in_the_background_does_not_insist(void **state)
{
    struct setting *setting = *state;
    fake_down(setting->fake);
    jwkd_client *client = NULL;
    const jwkd_client_options options = {.timeout_ms = LONG_MS, .background = true};
    assert_int_equal(jwkd_open(fake_url(setting->fake), &options, &client, NULL), JWKD_OK);
    fake_up(setting->fake);
    assert_int_equal(get_jwks(client, NULL), JWKD_OK);
    jwkd_close(client);
}

static void open__refuses_another_protocol(void **state)
{
    struct setting *setting = *state;
    jwkd_client *client = NULL;
    jwkd_error error = {0};
    fake_speak_version(setting->fake, 2);
    assert_int_equal(jwkd_open(fake_url(setting->fake), NULL, &client, &error), JWKD_UNSUPPORTED);
    assert_non_null(strstr(error.message, "2"));
    assert_null(client);
}

static void open__refuses_a_stranger_at_the_other_end(void **state)
{
    struct setting *setting = *state;
    enum { STRANGER = 54321, OWNER = 54322 };
    if (geteuid() != 0) skip(); /* only root can act as another user */
    fake_down(setting->fake);
    assert_int_equal(chown(fake_directory(setting->fake), OWNER, (gid_t)-1), 0);
    assert_int_equal(chmod(fake_directory(setting->fake), 0777), 0);
    assert_int_equal(seteuid(STRANGER), 0);
    fake_up(setting->fake);
    assert_int_equal(seteuid(0), 0);
    jwkd_client *client = NULL;
    const jwkd_client_options options = {.timeout_ms = LONG_MS};
    assert_int_equal(jwkd_open(fake_url(setting->fake), &options, &client, NULL), JWKD_DENIED);
    assert_int_equal(get_jwks(setting->client, NULL), JWKD_DENIED); /* on reconnecting, too */
    fake_down(setting->fake);
    assert_int_equal(chown(fake_directory(setting->fake), STRANGER, (gid_t)-1), 0);
    assert_int_equal(seteuid(STRANGER), 0);
    fake_up(setting->fake);
    assert_int_equal(seteuid(0), 0);
    assert_int_equal(jwkd_open(fake_url(setting->fake), &options, &client, NULL), JWKD_OK);
    jwkd_close(client);
}

static void open__refuses_impossible_options(void **state)
{
    struct setting *setting = *state;
    jwkd_client *client = NULL;
    const jwkd_client_options options = {.timeout_ms = LONG_MS + 1};
    assert_int_equal(jwkd_open(fake_url(setting->fake), &options, &client, NULL), JWKD_INVALID_ARGUMENT);
}

/* ---- repeating */

static void call__says_hello_again_after_a_restart(void **state)
{
    struct setting *setting = *state;
    uint8_t id[16];
    unsigned times;
    assert_int_equal(fake_count(setting->fake, OP(HELLO)), 1);
    fake_change_boot(setting->fake);
    assert_int_equal(get_jwks(setting->client, NULL), JWKD_OK);
    assert_int_equal(fake_count(setting->fake, OP(HELLO)), 2);
    fake_last_id(setting->fake, id, &times);
    assert_int_equal(times, 2); /* refused, then repeated under the same id */
}

static void call__waits_while_the_service_is_busy(void **state)
{
    struct setting *setting = *state;
    uint8_t id[16];
    unsigned times;
    fake_misbehave(setting->fake, FAKE_BUSY, 5);
    assert_int_equal(get_jwks(setting->client, NULL), JWKD_OK);
    fake_last_id(setting->fake, id, &times);
    assert_int_equal(times, 6);
}

static void call__repeats_with_the_same_id_when_the_connection_is_lost(void **state)
{
    struct setting *setting = *state;
    uint8_t id[16];
    unsigned times;
    fake_misbehave(setting->fake, FAKE_HANGS_UP, 3);
    assert_int_equal(get_jwks(setting->client, NULL), JWKD_OK);
    fake_last_id(setting->fake, id, &times);
    assert_int_equal(times, 4);
}

static void call__uses_a_fresh_id_for_every_request(void **state)
{
    struct setting *setting = *state;
    uint8_t one[16], other[16];
    unsigned times;
    assert_int_equal(get_jwks(setting->client, NULL), JWKD_OK);
    fake_last_id(setting->fake, one, &times);
    assert_int_equal(get_jwks(setting->client, NULL), JWKD_OK);
    fake_last_id(setting->fake, other, &times);
    assert_int_equal(times, 1);
    assert_memory_not_equal(one, other, sizeof one);
}

static void call__survives_a_restart_of_the_service(void **state)
{
    struct setting *setting = *state;
    fake_down(setting->fake);
    fake_up(setting->fake);
    assert_int_equal(get_jwks(setting->client, NULL), JWKD_OK);
}

/* A dialer of nng 1.5.2 may stop dialling after that, and say nothing of it. */
static void call__goes_on_although_connections_were_closed_in_its_face(void **state)
{
    struct setting *setting = *state;
    struct slammer slammer;
    assert_int_equal(get_jwks(setting->client, NULL), JWKD_OK);
    fake_down(setting->fake);
    slammer_start(&slammer, fake_url(setting->fake));
    uint64_t until_ns = clock_elapsed_ns() + LONG_MS * NS_PER_MS;
    while (slammer.slammed < SLAMS && clock_elapsed_ns() < until_ns)
        sched_yield();
    slammer_stop(&slammer);
    assert_true(slammer.slammed >= SLAMS); /* it goes on dialling, although there is no request */
    fake_up(setting->fake);
    assert_int_equal(get_jwks(setting->client, NULL), JWKD_OK);
}

/* nng 1.5.2 can leave a connection that takes requests and leads nowhere. The client must leave it, or it
 * would use it for ever. */
static void call__leaves_a_dead_connection(void **state)
{
    struct setting *setting = *state;
    jwkd_client *client = NULL;
    const jwkd_client_options options = {.timeout_ms = LONG_MS};
    unsigned connections, made = 0;
    /* One request without an answer is no sign yet: the service may be busy. This machine may be, too; then a
     * second request stays without an answer, and the test tries again. */
    for (int i = 0; i < 5 && made != 2; i++) {
        connections = fake_connections(setting->fake);
        fake_ignore_hellos(setting->fake, 1);
        assert_int_equal(jwkd_open(fake_url(setting->fake), &options, &client, NULL), JWKD_OK);
        made = fake_connections(setting->fake) - connections;
        jwkd_close(client);
    }
    assert_int_equal(made, 2); /* the probe, and this */
    connections = fake_connections(setting->fake);
    fake_ignore_hellos(setting->fake, 2);
    assert_int_equal(jwkd_open(fake_url(setting->fake), &options, &client, NULL), JWKD_OK);
    assert_true(fake_connections(setting->fake) >= connections + 3); /* the probe, the dead one, another */
    jwkd_close(client);
    client = open_client(setting->fake, SHORT_MS);
    unsigned hellos = fake_count(setting->fake, OP(HELLO));
    fake_misbehave(setting->fake, FAKE_SILENT, 1);
    assert_int_equal(get_jwks(client, NULL), JWKD_TIMED_OUT);
    assert_int_equal(get_jwks(client, NULL), JWKD_OK);
    assert_int_equal(fake_count(setting->fake, OP(HELLO)), hellos + 1); /* it makes sure first */
    jwkd_close(client);
}

static void generate__polls_with_one_id(void **state)
{
    struct setting *setting = *state;
    uint8_t id[16];
    unsigned times;
    jwkd_key_answer *answer = NULL;
    const jwkd_generate_options options = {.wait_ms = LONG_MS};
    fake_misbehave(setting->fake, FAKE_IN_PROGRESS, 2);
    assert_int_equal(jwkd_generate(setting->client, "shop", &options, &answer, NULL), JWKD_OK);
    assert_string_equal(answer->key.kid, fake_kid(setting->fake, "shop", 0));
    assert_string_equal(answer->key.public_jwk, fake_jwk(setting->fake, "shop", 0));
    assert_string_equal(jwkd_key_state_name(&answer->key), "active");
    jwkd_free(answer);
    fake_last_id(setting->fake, id, &times);
    assert_int_equal(times, 3);
    fake_misbehave(setting->fake, FAKE_IN_PROGRESS, 1);
    assert_int_equal(jwkd_generate(setting->client, "shop", NULL, &answer, NULL), JWKD_IN_PROGRESS);
}

static atomic_bool waits;

static void on_waiting(void *context, uint64_t waited_ms)
{
    (void)context;
    (void)waited_ms;
    waits = true;
}

static void *generate_patiently(void *client)
{
    const jwkd_generate_options options = {.wait_ms = LONG_MS, .on_progress = on_waiting};
    jwkd_key_answer *answer = NULL;
    return (void *)(uintptr_t)jwkd_generate(client, "shop", &options, &answer, NULL);
}

/* Cancels between two questions, after the library has said how long it has waited. */
static void generate__ends_with_its_client(void **state)
{
    struct setting *setting = *state;
    pthread_t thread;
    void *status;
    waits = false;
    fake_misbehave(setting->fake, FAKE_IN_PROGRESS, 100000);
    assert_int_equal(pthread_create(&thread, NULL, generate_patiently, setting->client), 0);
    while (!waits)
        sched_yield();
    jwkd_close(setting->client);
    setting->client = NULL;
    pthread_join(thread, &status);
    assert_int_equal((uintptr_t)status, JWKD_CLOSED);
}

static void call__waits_as_long_as_it_was_told(void **state)
{
    enum { TOLD_MS = 400 };
    struct setting *setting = *state;
    fake_retry_after(setting->fake, TOLD_MS);
    fake_misbehave(setting->fake, FAKE_BUSY, 1);
    uint64_t start_ns = clock_elapsed_ns();
    assert_int_equal(get_jwks(setting->client, NULL), JWKD_OK);
    assert_true(clock_elapsed_ns() - start_ns >= TOLD_MS * NS_PER_MS);
    jwkd_client *client = open_client(setting->fake, SHORT_MS);
    fake_retry_after(setting->fake, UINT32_MAX);
    fake_misbehave(setting->fake, FAKE_BUSY, 1);
    assert_int_equal(get_jwks(client, NULL), JWKD_BUSY); /* when its time is up */
    jwkd_close(client);
}

/* ---- giving up */

static void call__ends_when_time_is_up(void **state)
{
    struct setting *setting = *state;
    jwkd_error error = {0};
    jwkd_client *client = open_client(setting->fake, SHORT_MS);
    fake_misbehave(setting->fake, FAKE_SILENT, 1);
    assert_int_equal(get_jwks(client, &error), JWKD_TIMED_OUT);
    assert_int_equal(error.status, JWKD_TIMED_OUT);
    fake_misbehave(setting->fake, FAKE_BUSY, 1000);
    assert_int_equal(get_jwks(client, &error), JWKD_BUSY);
    fake_misbehave(setting->fake, FAKE_WELL, 0);
    assert_int_equal(get_jwks(client, &error), JWKD_OK);
    fake_down(setting->fake);
    (void)!get_jwks(client, &error); /* may still have been sent: UNREACHABLE or TIMED_OUT */
    assert_int_equal(get_jwks(client, &error), JWKD_UNREACHABLE);
    jwkd_close(client);
}

static void call__refuses_what_is_no_answer(void **state)
{
    struct setting *setting = *state;
    static const enum fake_mood MOODS[] = {
        FAKE_WRONG_ID, FAKE_WRONG_VERSION, FAKE_GARBAGE, FAKE_OTHER_RESULT};
    for (size_t i = 0; i < sizeof MOODS / sizeof *MOODS; i++) {
        fake_misbehave(setting->fake, MOODS[i], 1);
        assert_int_equal(get_jwks(setting->client, NULL), JWKD_MALFORMED);
    }
    assert_int_equal(get_jwks(setting->client, NULL), JWKD_OK);
}

static void call__hands_on_the_services_message(void **state)
{
    struct setting *setting = *state;
    jwkd_error error = {0};
    jwkd_key_answer *answer = NULL;
    assert_int_equal(jwkd_destroy(setting->client, "shop", "x", &answer, &error), JWKD_UNSUPPORTED);
    assert_string_equal(error.message, "as?ordered"); /* made fit to print */
    assert_null(answer);
}

static void deny(struct fake *fake, const char *message, const char *id)
{
    Jwkd__V1__Reply reply = JWKD__V1__REPLY__INIT;
    reply.status = JWKD__V1__STATUS__DENIED;
    reply.message = wire_text(message);
    reply.denial_id = wire_text(id);
    fake_say(fake, OP(GET_JWKS), &reply);
}

static void call__tells_by_which_id_an_auditor_can_ask(void **state)
{
    struct setting *setting = *state;
    jwkd_error error = {0};
    char longest[2048];
    deny(setting->fake, "that takes the right see", "d-42");
    assert_int_equal(get_jwks(setting->client, &error), JWKD_DENIED);
    assert_string_equal(error.message, "that takes the right see (denial d-42)");
    deny(setting->fake, "", "d-\n42");
    assert_int_equal(get_jwks(setting->client, &error), JWKD_DENIED);
    assert_string_equal(error.message, "not permitted (denial d-?42)");
    memset(longest, 'x', sizeof longest);
    longest[sizeof longest - 1] = '\0';
    deny(setting->fake, longest, "d-43");
    assert_int_equal(get_jwks(setting->client, &error), JWKD_DENIED);
    assert_int_equal(strlen(error.message), sizeof error.message - 1);
    assert_string_equal(error.message + strlen(error.message) - 16, "xx (denial d-43)");
    deny(setting->fake, "no", longest); /* none that a person could hand on */
    assert_int_equal(get_jwks(setting->client, &error), JWKD_DENIED);
    assert_string_equal(error.message, "no");
}

static void call__checks_names_before_asking(void **state)
{
    struct setting *setting = *state;
    static const char *const BAD[] = {NULL, "", "Shop", "-shop", "sh op", "shop\n", "a/b"};
    char *jwks = NULL;
    for (size_t i = 0; i < sizeof BAD / sizeof *BAD; i++)
        assert_int_equal(jwkd_get_jwks(setting->client, BAD[i], &jwks, NULL), JWKD_INVALID_ARGUMENT);
    assert_int_equal(fake_count(setting->fake, OP(GET_JWKS)), 0);
}

struct asking {
    jwkd_client *client;
    jwkd_status status;
};

static void *ask(void *argument)
{
    struct asking *asking = argument;
    asking->status = get_jwks(asking->client, NULL);
    return NULL;
}

static void close__ends_calls_under_way(void **state)
{
    struct setting *setting = *state;
    struct asking asking = {.client = open_client(setting->fake, LONG_MS)};
    pthread_t thread;
    fake_misbehave(setting->fake, FAKE_SILENT, 1);
    assert_int_equal(pthread_create(&thread, NULL, ask, &asking), 0);
    fake_await(setting->fake, OP(GET_JWKS), 1);
    jwkd_close(asking.client);
    pthread_join(thread, NULL);
    assert_int_equal(asking.status, JWKD_CLOSED);
}

static void fork__closes_the_childs_handles(void **state)
{
    struct setting *setting = *state;
    jwkd_verifier *verifier = NULL;
    assert_int_equal(jwkd_verifier_open(setting->client, "shop", NULL, &verifier, NULL), JWKD_OK);
    char *token = fake_token(setting->fake, "shop", 0, NULL);
    pid_t child = fork();
    if (child == 0) {
        jwkd_error error = {0};
        char *signed_token = NULL;
        bool closed = get_jwks(setting->client, &error) == JWKD_CLOSED &&
                      jwkd_sign(setting->client, "shop", &HELLO, &signed_token, &error) == JWKD_CLOSED &&
                      jwkd_verify(verifier, token, strlen(token), NULL, NULL, &error) == JWKD_VERDICT_NONE &&
                      error.status == JWKD_CLOSED;
        jwkd_verifier_close(verifier);
        jwkd_close(setting->client);
        _exit(closed ? 0 : 1);
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    assert_int_equal(jwkd_verify(verifier, token, strlen(token), NULL, NULL, NULL), JWKD_VERDICT_VALID);
    free(token);
    jwkd_verifier_close(verifier);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        CASE(open__says_at_once_that_nobody_listens),
        CASE(open__in_the_background_does_not_insist),
        CASE(open__refuses_another_protocol),
        CASE(open__refuses_a_stranger_at_the_other_end),
        CASE(open__refuses_impossible_options),
        CASE(call__says_hello_again_after_a_restart),
        CASE(call__waits_while_the_service_is_busy),
        CASE(call__waits_as_long_as_it_was_told),
        CASE(call__repeats_with_the_same_id_when_the_connection_is_lost),
        CASE(call__uses_a_fresh_id_for_every_request),
        CASE(call__survives_a_restart_of_the_service),
        CASE(call__goes_on_although_connections_were_closed_in_its_face),
        CASE(call__leaves_a_dead_connection),
        CASE(generate__polls_with_one_id),
        CASE(generate__ends_with_its_client),
        CASE(call__ends_when_time_is_up),
        CASE(call__refuses_what_is_no_answer),
        CASE(call__hands_on_the_services_message),
        CASE(call__tells_by_which_id_an_auditor_can_ask),
        CASE(call__checks_names_before_asking),
        CASE(close__ends_calls_under_way),
        CASE(fork__closes_the_childs_handles),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
