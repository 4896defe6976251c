/* Verifiers behind a relay: real processes over real sockets. */
#include "integration/harness.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

struct scene {
    struct service origin, relay;
    jwkd_client *admin, *client; /* of the service, and of the relay */
    struct observer observer;
    char *kid, *token;
};

static void pause_shortly(void)
{
    nanosleep(&(struct timespec){.tv_nsec = 5 * 1000 * 1000}, NULL);
}

static int setup_with(void **state, const char *option)
{
    struct scene *scene = calloc(1, sizeof *scene);
    if (!scene) return -1;
    service_prepare(&scene->origin);
    scene->origin.option = option;
    service_start(&scene->origin);
    service_prepare(&scene->relay);
    scene->relay.upstream = scene->origin.url;
    service_start(&scene->relay);
    scene->admin = client_open(&scene->origin);
    environment_create(scene->admin, "shop");
    scene->kid = key_generate(scene->admin, "shop");
    scene->token = token_sign(scene->admin, "shop");
    scene->client = client_open(&scene->relay);
    observer_open(&scene->observer, scene->client, "shop");
    *state = scene;
    return 0;
}

/* So long a lease that none ends during a test; and one that can be waited for. */
static int setup(void **state)
{
    return setup_with(state, "--max-lease=10m");
}

static int setup_strict(void **state)
{
    return setup_with(state, "--max-lease=2s");
}

static int teardown(void **state)
{
    struct scene *scene = *state;
    observer_close(&scene->observer);
    jwkd_close(scene->client);
    jwkd_close(scene->admin);
    service_stop(&scene->relay);
    service_stop(&scene->origin);
    service_remove(&scene->relay);
    service_remove(&scene->origin);
    jwkd_free(scene->token);
    free(scene->kid);
    free(scene);
    return 0;
}

static void deactivate(struct scene *scene)
{
    jwkd_key_answer *answer;
    assert_ok(jwkd_deactivate(scene->admin, "shop", scene->kid, true, &answer, NULL));
    jwkd_free(answer);
}

static void await_verdict(struct scene *scene, const char *token, jwkd_verdict verdict)
{
    for (time_t until = time(NULL) + PATIENCE_SEC; observer_judge(&scene->observer, token) != verdict;
         pause_shortly())
        assert_true(time(NULL) < until);
}

/* ---- following */

static void verifier__hears_of_every_change(void **state)
{
    struct scene *scene = *state;
    assert_verdict(observer_judge(&scene->observer, scene->token), JWKD_VERDICT_VALID);
    free(key_generate(scene->admin, "shop"));
    observer_await(&scene->observer, revision_of(scene->admin, "shop"));
    observer_await_seen(&scene->observer, JWKD_EVENT_KEY_PUBLISHED); /* by its event, not by a snapshot */
    char *token = token_sign(scene->admin, "shop");
    assert_verdict(observer_judge(&scene->observer, token), JWKD_VERDICT_VALID);
    assert_verdict(observer_judge(&scene->observer, scene->token), JWKD_VERDICT_VALID);
    deactivate(scene);
    observer_await_seen(&scene->observer, JWKD_EVENT_KEY_DEACTIVATED);
    observer_await(&scene->observer, revision_of(scene->admin, "shop"));
    assert_verdict(observer_judge(&scene->observer, scene->token), JWKD_VERDICT_KEY_DEACTIVATED);
    assert_verdict(observer_judge(&scene->observer, token), JWKD_VERDICT_VALID);
    assert_verdict(
        token_judge(scene->client, "shop", token), JWKD_VERDICT_VALID); /* asked through the relay */
    jwkd_free(token);
}

static void subscriber__is_listed_at_the_service(void **state)
{
    struct scene *scene = *state;
    struct observer second;
    const jwkd_client_options options = {.name = "second", .timeout_ms = 30000};
    jwkd_client *client;
    assert_ok(jwkd_open(scene->relay.url, &options, &client, NULL));
    observer_open(&second, client, "shop");
    const uint64_t revision = revision_of(scene->admin, "shop");
    for (time_t until = time(NULL) + PATIENCE_SEC;; pause_shortly()) {
        jwkd_subscriber_list *list;
        assert_ok(jwkd_get_subscribers(scene->admin, "shop", &list, NULL));
        assert_int_equal(list->count, 2);
        bool confirmed = true;
        for (size_t i = 0; i < list->count; i++)
            confirmed = confirmed && list->subscribers[i].revision == revision;
        assert_string_not_equal(list->subscribers[0].instance, list->subscribers[1].instance);
        assert_string_not_equal(list->subscribers[0].name, list->subscribers[1].name);
        jwkd_free(list);
        if (confirmed) break;
        assert_true(time(NULL) < until);
    }
    observer_close(&second);
    jwkd_close(client);
}

static jwkd_operation *operation_of(struct scene *scene, const char *id)
{
    jwkd_operation *operation;
    assert_ok(jwkd_get_operation(scene->admin, id, &operation, NULL));
    return operation;
}

/* With a lease of ten minutes nothing but the confirmation ends the waiting. */
static void promotion__waits_for_who_is_behind_the_relay(void **state)
{
    struct scene *scene = *state;
    const jwkd_generate_options options = {.wait_ms = 30000};
    jwkd_key_answer *answer;
    service_pause(&scene->relay);
    assert_ok(jwkd_generate(scene->admin, "shop", &options, &answer, NULL));
    jwkd_operation *operation = operation_of(scene, answer->operation->id);
    assert_int_equal(operation->phase, JWKD_PHASE_WAITING);
    assert_int_equal(operation->subscribers, 1);
    assert_int_equal(operation->confirmed, 0);
    jwkd_free(operation);
    service_resume(&scene->relay);
    for (time_t until = time(NULL) + PATIENCE_SEC;; pause_shortly()) {
        operation = operation_of(scene, answer->operation->id);
        bool done = operation->phase == JWKD_PHASE_DONE;
        jwkd_free(operation);
        if (done) break;
        assert_true(time(NULL) < until);
    }
    jwkd_free(answer);
    char *token = token_sign(scene->admin, "shop");
    assert_verdict(observer_judge(&scene->observer, token), JWKD_VERDICT_VALID);
    jwkd_free(token);
}

/* ---- cut off */

/* Judges until it refuses; never "valid" by keys that are older than the lease by the verifier's
 * own account. */
static void judge_until_stale(struct scene *scene)
{
    for (time_t until = time(NULL) + PATIENCE_SEC;; pause_shortly()) {
        jwkd_freshness before;
        assert_ok(jwkd_verifier_freshness(scene->observer.verifier, &before, NULL));
        jwkd_verdict verdict = observer_judge(&scene->observer, scene->token);
        if (before.age_ms > before.lease_ms || before.state == JWKD_STALE) {
            assert_verdict(verdict, JWKD_VERDICT_KEYS_TOO_OLD);
            return;
        }
        assert_true(time(NULL) < until);
    }
}

static void await_bounded(struct scene *scene)
{
    for (time_t until = time(NULL) + PATIENCE_SEC;; pause_shortly()) {
        jwkd_receipt *receipt;
        assert_ok(jwkd_get_receipt(scene->admin, "shop", scene->kid, &receipt, NULL));
        bool bounded = receipt->bounded;
        jwkd_free(receipt);
        if (bounded) return;
        assert_true(time(NULL) < until);
    }
}

/* What the service promises about a deactivated key also holds for a verifier that cannot hear of it. */
static void verifier__behind_a_stopped_relay_refuses_when_the_service_says_so(void **state)
{
    struct scene *scene = *state;
    service_pause(&scene->relay);
    deactivate(scene);
    await_bounded(scene);
    assert_verdict(observer_judge(&scene->observer, scene->token), JWKD_VERDICT_KEYS_TOO_OLD);
    service_resume(&scene->relay);
    await_verdict(scene, scene->token, JWKD_VERDICT_KEY_DEACTIVATED);
}

static void verifier__behind_a_killed_relay_refuses_and_heals(void **state)
{
    struct scene *scene = *state;
    service_kill(&scene->relay);
    deactivate(scene);
    await_bounded(scene);
    assert_verdict(observer_judge(&scene->observer, scene->token), JWKD_VERDICT_KEYS_TOO_OLD);
    service_start(&scene->relay);
    await_verdict(scene, scene->token, JWKD_VERDICT_KEY_DEACTIVATED);
}

static void verifier__of_a_stopped_service_refuses_and_heals(void **state)
{
    struct scene *scene = *state;
    service_pause(&scene->origin);
    judge_until_stale(scene);
    service_resume(&scene->origin);
    await_verdict(scene, scene->token, JWKD_VERDICT_VALID);
}

/* It has another boot id: everybody registers anew. */
static void verifier__of_a_killed_service_refuses_and_heals(void **state)
{
    struct scene *scene = *state;
    service_kill(&scene->origin);
    judge_until_stale(scene);
    jwkd_error error = {0};
    jwkd_service_status *status;
    assert_int_not_equal(jwkd_get_status(scene->client, &status, &error), JWKD_OK);
    service_start(&scene->origin);
    await_verdict(scene, scene->token, JWKD_VERDICT_VALID);
    deactivate(scene);
    await_verdict(scene, scene->token, JWKD_VERDICT_KEY_DEACTIVATED);
}

/* ---- a store that is put back */

/* Refused at every look; for sure, once the verifier is fresh. */
static void await_unknown(struct scene *scene, const char *token)
{
    for (time_t until = time(NULL) + PATIENCE_SEC;; pause_shortly()) {
        jwkd_verdict verdict = observer_judge(&scene->observer, token);
        if (verdict == JWKD_VERDICT_UNKNOWN_KEY) return;
        assert_verdict(verdict, JWKD_VERDICT_KEYS_TOO_OLD);
        assert_true(time(NULL) < until);
    }
}

static char *sign_with_a_new_key(struct scene *scene)
{
    const jwkd_generate_options options = {.wait_ms = 20000, .now = true};
    jwkd_key_answer *made;
    assert_ok(jwkd_generate(scene->admin, "shop", &options, &made, NULL));
    jwkd_free(made);
    return token_sign(scene->admin, "shop");
}

static void copy_directory(const char *from, const char *to)
{
    char command[512];
    snprintf(command, sizeof command, "cp -a '%s' '%s'", from, to);
    assert_int_equal(system(command), 0);
}

/* The same revisions come again, with other keys. The relay and the verifier behind it have heard of both. */
static void verifier__of_a_store_put_back_has_its_keys(void **state)
{
    struct scene *scene = *state;
    char backup[128], replaced[128];
    snprintf(backup, sizeof backup, "%s/backup", scene->origin.root);
    snprintf(replaced, sizeof replaced, "%s/replaced", scene->origin.root);
    service_stop(&scene->origin);
    copy_directory(scene->origin.data, backup);
    service_start(&scene->origin);
    char *lost = sign_with_a_new_key(scene);
    await_verdict(scene, lost, JWKD_VERDICT_VALID);
    const uint64_t revision = revision_of(scene->admin, "shop");
    service_stop(&scene->origin);
    assert_int_equal(rename(scene->origin.data, replaced), 0);
    assert_int_equal(rename(backup, scene->origin.data), 0);
    service_start(&scene->origin);
    char *kept = sign_with_a_new_key(scene);
    assert_int_equal(revision_of(scene->admin, "shop"), revision);
    await_verdict(scene, kept, JWKD_VERDICT_VALID);
    await_unknown(scene, lost);
    await_verdict(scene, scene->token, JWKD_VERDICT_VALID);
    deactivate(scene);
    await_verdict(scene, scene->token, JWKD_VERDICT_KEY_DEACTIVATED);
    service_stop(&scene->origin);
    service_start(&scene->origin);
    for (int i = 0; i < 10; i++) { /* more than are kept ready: in the copy, the lost key is one of those */
        jwkd_free(kept);
        kept = sign_with_a_new_key(scene);
    }
    await_verdict(scene, kept, JWKD_VERDICT_VALID);
    await_unknown(scene, lost);
    jwkd_free(lost);
    jwkd_free(kept);
}

/* A registration of an earlier run counts until it would have ended; a promotion waits for no longer. */
static void promotion__goes_on_after_relay_and_verifier_are_gone(void **state)
{
    struct scene *scene = *state;
    const jwkd_generate_options options = {.wait_ms = 20000};
    jwkd_key_answer *made;
    jwkd_operation *operation;
    service_kill(&scene->relay);
    service_kill(&scene->origin);
    service_start(&scene->origin);
    assert_ok(jwkd_generate(scene->admin, "shop", &options, &made, NULL));
    assert_non_null(made->operation); /* it waits for followers of the earlier run */
    assert_ok(jwkd_await_operation(
        scene->admin, made->operation->id, PATIENCE_SEC * 1000, NULL, NULL, &operation, NULL));
    assert_int_equal(operation->phase, JWKD_PHASE_DONE);
    jwkd_free(operation);
    jwkd_free(made);
    service_start(&scene->relay);
    char *token = token_sign(scene->admin, "shop");
    await_verdict(scene, token, JWKD_VERDICT_VALID);
    jwkd_free(token);
}

/* ---- relays behind relays */

static void relay__may_follow_a_relay(void **state)
{
    struct scene *scene = *state;
    struct service second;
    struct observer observer;
    service_prepare(&second);
    second.upstream = scene->relay.url;
    service_start(&second);
    jwkd_client *client = client_open(&second);
    observer_open(&observer, client, "shop");
    assert_verdict(observer_judge(&observer, scene->token), JWKD_VERDICT_VALID);
    jwkd_subscriber_list *list;
    assert_ok(jwkd_get_subscribers(scene->admin, "shop", &list, NULL));
    assert_int_equal(list->count, 2);
    jwkd_free(list);
    deactivate(scene);
    observer_await(&observer, revision_of(scene->admin, "shop"));
    assert_verdict(observer_judge(&observer, scene->token), JWKD_VERDICT_KEY_DEACTIVATED);
    observer_close(&observer);
    jwkd_close(client);
    service_stop(&second);
    service_remove(&second);
}

/* ---- what a relay does not do */

static void relay__neither_signs_nor_changes(void **state)
{
    struct scene *scene = *state;
    static const char CLAIMS[] = "{\"sub\":\"alice\"}";
    const jwkd_sign_item item = {.claims = {CLAIMS, sizeof CLAIMS - 1}};
    const uint64_t revision = revision_of(scene->admin, "shop");
    jwkd_key_answer *answer;
    char *token;
    jwkd_error error = {0};
    assert_status(jwkd_sign(scene->client, "shop", &item, &token, &error), JWKD_DENIED, &error);
    assert_non_null(strstr(error.message, scene->origin.url));
    assert_status(jwkd_generate(scene->client, "shop", NULL, &answer, &error), JWKD_DENIED, &error);
    assert_status(jwkd_rotate(scene->client, "shop", NULL, &answer, &error), JWKD_DENIED, &error);
    assert_status(
        jwkd_deactivate(scene->client, "shop", scene->kid, true, &answer, &error), JWKD_DENIED, &error);
    assert_status(jwkd_environment_delete(scene->client, "shop", true, &error), JWKD_DENIED, &error);
    assert_int_equal(revision_of(scene->admin, "shop"), revision);
}

/* The service would answer by what the relay may. */
static void relay__shows_nothing_to_one_without_a_credential(void **state)
{
    struct scene *scene = *state;
    jwkd_service_status *service;
    jwkd_environment_list *environments;
    jwkd_key_list *keys;
    jwkd_error error = {0};
    assert_status(jwkd_get_status(scene->client, &service, &error), JWKD_DENIED, &error);
    assert_non_null(strstr(error.message, "API token"));
    assert_status(jwkd_environment_get_all(scene->client, &environments, &error), JWKD_DENIED, &error);
    assert_status(jwkd_get_keys(scene->client, "shop", &keys, &error), JWKD_DENIED, &error);
}

static const uint8_t GREETING[] = {0, 'S', 'P', 0, 0, 0x30, 0, 0};

/* A connection without a library. */
static int connect_bare(const struct scene *scene)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "%s/rpc.sock", scene->relay.sockets);
    int end = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(end, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(send(end, GREETING, sizeof GREETING, MSG_NOSIGNAL), sizeof GREETING);
    return end;
}

static void relay__bears_what_is_no_request(void **state)
{
    struct scene *scene = *state;
    struct raw raw;
    raw_open(&raw, &scene->relay);
    assert_int_equal(raw_status_of_bytes(&raw, bytes_of("\xff\xff\xff", 3)), JWKD_MALFORMED);
    raw_close(&raw);
    static const uint8_t TOO_LARGE[] = {1, 0, 0, 0, 0, 0, 0x10, 0, 1}; /* so many bytes are to come */
    uint8_t heard[64];
    int end = connect_bare(scene);
    assert_int_equal(recv(end, heard, sizeof GREETING, MSG_WAITALL), sizeof GREETING);
    assert_int_equal(send(end, TOO_LARGE, sizeof TOO_LARGE, MSG_NOSIGNAL), sizeof TOO_LARGE);
    assert_true(recv(end, heard, sizeof heard, 0) <= 0); /* it hangs up */
    close(end);
    assert_ok(jwkd_ping(scene->client, NULL, NULL));
}

/* A connection that asks for the key set again and again, and takes no answer, until nothing more fits in. */
static int ask_without_reading(const struct scene *scene)
{
    CLEANUP(buffer_clear) struct buffer packed = {0};
    uint8_t id[16];
    Jwkd__V1__GetJwksRequest get = JWKD__V1__GET_JWKS_REQUEST__INIT;
    Jwkd__V1__Request request = raw_request(id);
    get.environment = wire_text("shop");
    request.operation_case = JWKD__V1__REQUEST__OPERATION_GET_JWKS;
    request.get_jwks = &get;
    int end = connect_bare(scene);
    assert_ok(wire_pack(&request.base, &packed));
    for (unsigned i = 0; i < 2000; i++) {
        const size_t size = packed.size + 4;
        uint8_t frame[512] = {
            1, 0, 0, 0, 0, 0, 0, (uint8_t)(size >> 8), (uint8_t)size, 0x80, 0, (uint8_t)(i >> 8), (uint8_t)i};
        memcpy(frame + 13, packed.data, packed.size);
        if (send(end, frame, 13 + packed.size, MSG_NOSIGNAL | MSG_DONTWAIT) <= 0) break;
    }
    return end;
}

static void caller__that_never_reads_harms_nobody_else(void **state)
{
    struct scene *scene = *state;
    int end = ask_without_reading(scene);
    assert_ok(jwkd_ping(scene->client, NULL, NULL));
    deactivate(scene);
    await_verdict(scene, scene->token, JWKD_VERDICT_KEY_DEACTIVATED);
    close(end);
}

/* ---- the program */

static void program__says_what_is_wrong(void **state)
{
    struct scene *scene = *state;
    struct service other;
    assert_int_equal(service_run(&scene->relay, NULL), 1); /* the place is taken */
    assert_true(service_said(&scene->relay, "cannot listen on"));
    service_prepare(&other);
    other.upstream = scene->relay.url;
    assert_int_equal(service_run(&other, "--check"), 0);
    assert_true(service_said(&other, "answers, version"));
    other.upstream = "ipc:///nowhere/rpc.sock";
    assert_int_equal(service_run(&other, "--check"), 1);
    assert_true(service_said(&other, "there is no socket /nowhere/rpc.sock"));
    assert_int_equal(service_run(&other, "--data=/tmp"), 2);
    assert_true(service_said(&other, "there is no option"));
    assert_int_equal(service_run(&other, "--help"), 0);
    assert_true(service_said(&other, "--upstream"));
    service_remove(&other);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
#define STRICT_CASE(name) cmocka_unit_test_setup_teardown(name, setup_strict, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(verifier__hears_of_every_change),
        CASE(subscriber__is_listed_at_the_service),
        CASE(promotion__waits_for_who_is_behind_the_relay),
        STRICT_CASE(verifier__behind_a_stopped_relay_refuses_when_the_service_says_so),
        STRICT_CASE(verifier__behind_a_killed_relay_refuses_and_heals),
        STRICT_CASE(verifier__of_a_stopped_service_refuses_and_heals),
        STRICT_CASE(verifier__of_a_killed_service_refuses_and_heals),
        STRICT_CASE(verifier__of_a_store_put_back_has_its_keys),
        STRICT_CASE(promotion__goes_on_after_relay_and_verifier_are_gone),
        CASE(relay__may_follow_a_relay),
        CASE(relay__neither_signs_nor_changes),
        CASE(relay__shows_nothing_to_one_without_a_credential),
        CASE(relay__bears_what_is_no_request),
        CASE(caller__that_never_reads_harms_nobody_else),
        CASE(program__says_what_is_wrong),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
