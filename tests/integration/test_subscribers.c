/* Registration, renewal, confirmation and receipts, as a client in any language would speak them. */
#include "integration/harness.h"

#include <grp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { ID = 16 };

struct scene {
    struct service service;
    jwkd_client *client;
    struct raw raw;
    uint8_t epoch[16], instance[ID];
    uint64_t sequence;
    uint64_t environment_id, revision; /* of "shop", as last seen in a snapshot */
    char *kid;                         /* of its first key, which is not primary */
    bool knows_new_statuses;
};

static int setup_with(void **state, const char *option)
{
    struct scene *scene = calloc(1, sizeof *scene);
    if (!scene) return -1;
    service_prepare(&scene->service);
    scene->service.option = option;
    service_start(&scene->service);
    scene->client = client_open(&scene->service);
    raw_open(&scene->raw, &scene->service);
    environment_create(scene->client, "shop");
    scene->kid = key_generate(scene->client, "shop");
    free(key_generate(scene->client, "shop"));
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
    return setup_with(state, "--max-lease=1s");
}

static int teardown(void **state)
{
    struct scene *scene = *state;
    raw_close(&scene->raw);
    jwkd_close(scene->client);
    service_stop(&scene->service);
    service_remove(&scene->service);
    free(scene->kid);
    free(scene);
    return 0;
}

/* ---- what a subscriber says ---- */

/* As 0.1.0 asks, or as one that says what else it knows, among that something of the future. */
static Jwkd__V1__Reply *ask_about_itself(struct scene *scene, Jwkd__V1__Request *request, struct arena *arena)
{
    uint32_t understood[] = {77, WIRE_NEW_STATUSES};
    if (scene->knows_new_statuses) {
        request->understands = understood;
        request->n_understands = sizeof understood / sizeof *understood;
    }
    return raw_ask(&scene->raw, request, arena);
}

static Jwkd__V1__Reply *say_hello(struct scene *scene, Jwkd__V1__HelloRequest *hello, struct arena *arena)
{
    uint8_t id[16];
    Jwkd__V1__Request request = raw_request(id);
    request.operation_case = JWKD__V1__REQUEST__OPERATION_HELLO;
    request.hello = hello;
    return raw_ask(&scene->raw, &request, arena);
}

/* Subscribes as `name`, and remembers its id. */
static void subscribe(struct scene *scene, const char *name, bool serves_stale)
{
    CLEANUP(arena_clear) struct arena arena;
    Jwkd__V1__HelloRequest hello = JWKD__V1__HELLO_REQUEST__INIT;
    hello.client = wire_text(name);
    hello.subscribe = true;
    hello.serves_stale = serves_stale;
    Jwkd__V1__Reply *reply = say_hello(scene, &hello, &arena);
    assert_int_equal(reply->status, JWKD__V1__STATUS__OK);
    assert_int_equal(reply->hello->instance_id.len, ID);
    memcpy(scene->instance, reply->hello->instance_id.data, ID);
    memcpy(scene->epoch, reply->hello->epoch.data, sizeof scene->epoch);
    scene->sequence = 0;
}

static jwkd_status take_snapshot(struct scene *scene, struct bytes instance, uint64_t sequence)
{
    uint8_t id[16];
    CLEANUP(arena_clear) struct arena arena;
    Jwkd__V1__GetJwksRequest jwks = JWKD__V1__GET_JWKS_REQUEST__INIT;
    Jwkd__V1__Request request = raw_request(id);
    jwks.environment = wire_text("shop");
    jwks.instance_id = wire_bytes(instance);
    jwks.sequence = sequence;
    request.operation_case = JWKD__V1__REQUEST__OPERATION_GET_JWKS;
    request.get_jwks = &jwks;
    Jwkd__V1__Reply *reply = ask_about_itself(scene, &request, &arena);
    if (reply->status != JWKD__V1__STATUS__OK) return (jwkd_status)reply->status;
    scene->environment_id = reply->jwks->state->environment_id;
    scene->revision = reply->jwks->state->revision;
    return JWKD_OK;
}

static struct bytes instance_of(const struct scene *scene)
{
    return bytes_of(scene->instance, ID);
}

static void follow(struct scene *scene)
{
    assert_int_equal(take_snapshot(scene, instance_of(scene), ++scene->sequence), JWKD_OK);
}

/* A state of "shop" to be held. */
static Jwkd__V1__State state_at(const struct scene *scene, uint64_t revision)
{
    Jwkd__V1__State state = JWKD__V1__STATE__INIT;
    state.epoch = wire_bytes(bytes_of(scene->epoch, sizeof scene->epoch));
    state.environment_id = scene->environment_id;
    state.revision = revision;
    return state;
}

static Jwkd__V1__Reply *renew(struct scene *scene, struct bytes instance, uint64_t sequence,
    Jwkd__V1__RenewRequest__Held **held, size_t count, struct arena *arena)
{
    uint8_t id[16];
    Jwkd__V1__RenewRequest renewal = JWKD__V1__RENEW_REQUEST__INIT;
    Jwkd__V1__Request request = raw_request(id);
    renewal.instance_id = wire_bytes(instance);
    renewal.sequence = sequence;
    renewal.held = held;
    renewal.n_held = count;
    request.operation_case = JWKD__V1__REQUEST__OPERATION_RENEW;
    request.renew = &renewal;
    return ask_about_itself(scene, &request, arena);
}

/* Holds `state` of "shop"; NULL: waits for a snapshot of it. */
static void confirm(struct scene *scene, Jwkd__V1__State *state)
{
    CLEANUP(arena_clear) struct arena arena;
    Jwkd__V1__RenewRequest__Held item = JWKD__V1__RENEW_REQUEST__HELD__INIT, *held = &item;
    item.environment = wire_text("shop");
    item.state = state;
    Jwkd__V1__Reply *reply = renew(scene, instance_of(scene), ++scene->sequence, &held, 1, &arena);
    assert_int_equal(reply->status, JWKD__V1__STATUS__OK);
    assert_int_equal(reply->result_case, JWKD__V1__REPLY__RESULT_RENEWED);
    assert_true(reply->renewed->clock_ns > 0);
}

static void confirm_revision(struct scene *scene, uint64_t revision)
{
    Jwkd__V1__State state = state_at(scene, revision);
    confirm(scene, &state);
}

static jwkd_status renew_nothing(struct scene *scene, struct bytes instance, uint64_t sequence)
{
    CLEANUP(arena_clear) struct arena arena;
    return (jwkd_status)renew(scene, instance, sequence, NULL, 0, &arena)->status;
}

/* ---- what an operator asks ---- */

static Jwkd__V1__Reply *ask_subscribers(
    struct scene *scene, const char *environment, uint32_t skip, struct arena *arena)
{
    uint8_t id[16];
    Jwkd__V1__ListSubscribersRequest list = JWKD__V1__LIST_SUBSCRIBERS_REQUEST__INIT;
    Jwkd__V1__Request request = raw_request(id);
    list.environment = wire_text(environment);
    list.skip = skip;
    request.operation_case = JWKD__V1__REQUEST__OPERATION_LIST_SUBSCRIBERS;
    request.list_subscribers = &list;
    return raw_ask(&scene->raw, &request, arena);
}

/* The one subscriber of "shop". */
static const Jwkd__V1__Subscriber *the_subscriber(struct scene *scene, struct arena *arena)
{
    Jwkd__V1__Reply *reply = ask_subscribers(scene, "shop", 0, arena);
    assert_int_equal(reply->status, JWKD__V1__STATUS__OK);
    assert_int_equal(reply->subscribers->n_subscribers, 1);
    assert_false(reply->subscribers->more);
    return reply->subscribers->subscribers[0];
}

static uint64_t confirmed(struct scene *scene)
{
    CLEANUP(arena_clear) struct arena arena;
    return the_subscriber(scene, &arena)->revision;
}

static size_t subscribers(struct scene *scene)
{
    CLEANUP(arena_clear) struct arena arena;
    return ask_subscribers(scene, "shop", 0, &arena)->subscribers->n_subscribers;
}

static Jwkd__V1__Reply *ask_receipt(
    struct scene *scene, const char *environment, const char *kid, struct arena *arena)
{
    uint8_t id[16];
    Jwkd__V1__GetReceiptRequest receipt = JWKD__V1__GET_RECEIPT_REQUEST__INIT;
    Jwkd__V1__Request request = raw_request(id);
    receipt.environment = wire_text(environment);
    receipt.kid = wire_text(kid);
    request.operation_case = JWKD__V1__REQUEST__OPERATION_GET_RECEIPT;
    request.get_receipt = &receipt;
    return raw_ask(&scene->raw, &request, arena);
}

static const Jwkd__V1__Receipt *the_receipt(struct scene *scene, struct arena *arena)
{
    Jwkd__V1__Reply *reply = ask_receipt(scene, "shop", scene->kid, arena);
    assert_int_equal(reply->status, JWKD__V1__STATUS__OK);
    assert_string_equal(reply->receipt->receipt->environment, "shop");
    assert_string_equal(reply->receipt->receipt->kid, scene->kid);
    return reply->receipt->receipt;
}

static void deactivate(struct scene *scene)
{
    jwkd_key_answer *answer;
    jwkd_error error = {0};
    assert_status(
        jwkd_deactivate(scene->client, "shop", scene->kid, false, &answer, &error), JWKD_OK, &error);
    jwkd_free(answer);
}

static void pause_shortly(void)
{
    nanosleep(&(struct timespec){.tv_nsec = 20 * 1000 * 1000}, NULL);
}

/* ---- registration ---- */

static void hello__registers_only_who_asks_for_it(void **state)
{
    struct scene *scene = *state;
    CLEANUP(arena_clear) struct arena arena, second, third;
    Jwkd__V1__HelloRequest hello = JWKD__V1__HELLO_REQUEST__INIT;
    hello.lease_ms = 700;
    const Jwkd__V1__HelloReply *answer = say_hello(scene, &hello, &arena)->hello;
    assert_int_equal(answer->max_lease_ms, 600 * 1000);
    assert_int_equal(
        answer->instance_id.len + answer->lease_ms + answer->renew_ms + answer->registered_ms, 0);
    hello.subscribe = true;
    answer = say_hello(scene, &hello, &second)->hello;
    assert_int_equal(answer->max_lease_ms, 600 * 1000);
    assert_int_equal(answer->instance_id.len, ID);
    assert_int_equal(answer->lease_ms, 700);
    assert_int_equal(answer->renew_ms, 60 * 1000);
    assert_int_equal(answer->registered_ms, 120 * 1000);
    hello.lease_ms = 0;
    hello.instance_id = answer->instance_id;
    const Jwkd__V1__HelloReply *again = say_hello(scene, &hello, &third)->hello;
    assert_int_equal(again->lease_ms, 600 * 1000);
    assert_memory_equal(again->instance_id.data, answer->instance_id.data, ID);
}

static void subscriber__is_listed_with_what_it_holds(void **state)
{
    struct scene *scene = *state;
    CLEANUP(arena_clear) struct arena arena, second;
    char principal[32];
    snprintf(principal, sizeof principal, "uid:%u", (unsigned)geteuid());
    subscribe(scene, "b\xc3\xb6se\x1b[31m", true);
    follow(scene);
    const Jwkd__V1__Subscriber *subscriber = the_subscriber(scene, &arena);
    assert_memory_equal(subscriber->instance_id.data, scene->instance, ID);
    assert_string_equal(subscriber->name, "b\xc3\xb6se?[31m");
    assert_string_equal(subscriber->principal, principal);
    assert_string_equal(subscriber->environment, "shop");
    assert_int_equal(subscriber->revision, 0);
    assert_int_equal(subscriber->behind, scene->revision);
    assert_int_equal(subscriber->lease_ms, 600 * 1000);
    assert_true(subscriber->serves_stale);
    confirm_revision(scene, scene->revision);
    deactivate(scene);
    subscriber = the_subscriber(scene, &second);
    assert_int_equal(subscriber->revision, scene->revision);
    assert_int_equal(subscriber->behind, 1);
    assert_true(subscriber->registered_ms >= subscriber->last_seen_ms);
}

static void list__comes_in_pages(void **state)
{
    struct scene *scene = *state;
    for (size_t i = 0; i < LIMIT_PAGE; i++)
        subscribe(scene, "idle", false);
    subscribe(scene, "last", false);
    follow(scene);
    CLEANUP(arena_clear) struct arena arena, second, third;
    const Jwkd__V1__ListSubscribersReply *list = ask_subscribers(scene, "", 0, &arena)->subscribers;
    assert_int_equal(list->n_subscribers, LIMIT_PAGE);
    assert_string_equal(list->subscribers[0]->environment, "");
    assert_true(list->more);
    list = ask_subscribers(scene, "", LIMIT_PAGE, &second)->subscribers;
    assert_int_equal(list->n_subscribers, 1);
    assert_string_equal(list->subscribers[0]->name, "last");
    assert_string_equal(list->subscribers[0]->environment, "shop");
    assert_false(list->more);
    assert_int_equal(ask_subscribers(scene, "", UINT32_MAX, &third)->subscribers->n_subscribers, 0);
}

/* ---- confirmation ---- */

static void confirmation__is_of_this_store_and_environment_and_of_what_there_is(void **state)
{
    struct scene *scene = *state;
    subscribe(scene, "test", false);
    follow(scene);
    Jwkd__V1__State other_epoch = state_at(scene, scene->revision), no_epoch = other_epoch,
                    other_environment = other_epoch, future = other_epoch, held = other_epoch;
    uint8_t epoch[16] = {0};
    other_epoch.epoch = wire_bytes(bytes_of(epoch, sizeof epoch));
    no_epoch.epoch.len = 0;
    other_environment.environment_id++;
    future.revision++;
    Jwkd__V1__State *const ignored[] = {&other_epoch, &no_epoch, &other_environment, &future, NULL};
    for (size_t i = 0; i < sizeof ignored / sizeof *ignored; i++) {
        confirm(scene, ignored[i]);
        assert_int_equal(confirmed(scene), 0); /* and it goes on following */
    }
    confirm(scene, &held);
    assert_int_equal(confirmed(scene), scene->revision);
    confirm_revision(scene, scene->revision - 1);
    assert_int_equal(confirmed(scene), scene->revision);
}

static void renewal__that_comes_late_changes_nothing(void **state)
{
    struct scene *scene = *state;
    subscribe(scene, "test", false);
    follow(scene);
    scene->sequence = 10;
    confirm_revision(scene, scene->revision); /* 11 */
    assert_int_equal(renew_nothing(scene, instance_of(scene), 11), JWKD_OK);
    assert_int_equal(renew_nothing(scene, instance_of(scene), 5), JWKD_OK);
    assert_int_equal(confirmed(scene), scene->revision);
    assert_int_equal(renew_nothing(scene, instance_of(scene), 12), JWKD_OK); /* follows nothing any more */
    assert_int_equal(subscribers(scene), 0);
}

static void request__of_an_impossible_instance_is_refused(void **state)
{
    struct scene *scene = *state;
    subscribe(scene, "test", false);
    uint8_t unknown[ID];
    memcpy(unknown, scene->instance, ID);
    unknown[0] ^= 1;
    const struct bytes cut = bytes_of(scene->instance, ID - 1), none = {0}, other = bytes_of(unknown, ID);
    assert_int_equal(renew_nothing(scene, cut, 1), JWKD_INVALID_ARGUMENT);
    assert_int_equal(renew_nothing(scene, none, 1), JWKD_INVALID_ARGUMENT);
    assert_int_equal(renew_nothing(scene, other, 1), JWKD_NOT_FOUND);
    assert_int_equal(renew_nothing(scene, instance_of(scene), 0), JWKD_INVALID_ARGUMENT);
    assert_int_equal(take_snapshot(scene, cut, 1), JWKD_INVALID_ARGUMENT);
    assert_int_equal(take_snapshot(scene, other, 1), JWKD_NOT_FOUND);
    assert_int_equal(take_snapshot(scene, instance_of(scene), 0), JWKD_INVALID_ARGUMENT);
    assert_int_equal(take_snapshot(scene, none, 0), JWKD_OK); /* no subscriber */
    assert_int_equal(subscribers(scene), 0);
    CLEANUP(arena_clear) struct arena arena, second;
    assert_non_null(strstr(renew(scene, other, 1, NULL, 0, &arena)->message, "say hello again"));
    Jwkd__V1__HelloRequest hello = JWKD__V1__HELLO_REQUEST__INIT;
    hello.subscribe = true;
    hello.instance_id = wire_bytes(cut);
    assert_int_equal(say_hello(scene, &hello, &second)->status, JWKD__V1__STATUS__INVALID_ARGUMENT);
}

static void request__of_who_knows_new_statuses_is_told_apart(void **state)
{
    struct scene *scene = *state;
    subscribe(scene, "test", false);
    scene->knows_new_statuses = true;
    const struct bytes nobody = bytes_of(scene->epoch, ID);
    assert_int_equal(renew_nothing(scene, nobody, 1), JWKD_NOT_REGISTERED);
    assert_int_equal(take_snapshot(scene, nobody, 1), JWKD_NOT_REGISTERED);
    assert_int_equal(renew_nothing(scene, instance_of(scene), 1), JWKD_OK);
    assert_int_equal(take_snapshot(scene, instance_of(scene), 2), JWKD_OK);
    jwkd_error error = {0};
    assert_status(jwkd_environment_delete(scene->client, "shop", true, &error), JWKD_OK, &error);
    assert_int_equal(take_snapshot(scene, instance_of(scene), 3), JWKD_NOT_FOUND);
    assert_int_equal(take_snapshot(scene, nobody, 1), JWKD_NOT_FOUND); /* there is nothing to follow */
}

static void renewal__with_too_long_a_list_is_refused(void **state)
{
    struct scene *scene = *state;
    Jwkd__V1__RenewRequest__Held item = JWKD__V1__RENEW_REQUEST__HELD__INIT, *held[LIMIT_FOLLOWED + 1];
    Jwkd__V1__State at;
    subscribe(scene, "test", false);
    follow(scene);
    at = state_at(scene, scene->revision);
    item.environment = wire_text("shop");
    item.state = &at;
    for (size_t i = 0; i <= LIMIT_FOLLOWED; i++)
        held[i] = &item;
    CLEANUP(arena_clear) struct arena arena, second;
    Jwkd__V1__Reply *reply = renew(scene, instance_of(scene), 5, held, LIMIT_FOLLOWED + 1, &arena);
    assert_int_equal(reply->status, JWKD__V1__STATUS__INVALID_ARGUMENT);
    assert_int_equal(confirmed(scene), 0);
    reply = renew(scene, instance_of(scene), 5, held, LIMIT_FOLLOWED, &second);
    assert_int_equal(reply->status, JWKD__V1__STATUS__OK);
    assert_int_equal(confirmed(scene), scene->revision);
}

/* ---- another principal ---- */

enum { ANOTHER = 65533 }; /* a uid; the one of "nobody" has no rights at all */

/* Runs in a process of its own, as another user: renews and follows with another user's instance id. */
static int ask_as_another(const char *url, const char *instance)
{
    struct scene scene = {0};
    uint8_t id[ID];
    snprintf(scene.service.url, sizeof scene.service.url, "%s", url);
    if (setgroups(0, NULL) != 0 || setgid(ANOTHER) != 0 || setuid(ANOTHER) != 0) return 2;
    if (!bytes_from_hex(bytes_of_text(instance), id, sizeof id)) return 2;
    raw_open(&scene.raw, &scene.service);
    bool refused = renew_nothing(&scene, bytes_of(id, ID), 99) == JWKD_NOT_FOUND &&
                   take_snapshot(&scene, bytes_of(id, ID), 99) == JWKD_NOT_FOUND &&
                   take_snapshot(&scene, (struct bytes){0}, 0) == JWKD_OK;
    raw_close(&scene.raw);
    return refused ? 0 : 1;
}

static void instance__is_of_no_use_to_another_user(void **state)
{
    struct scene *scene = *state;
    if (geteuid() != 0) {
        print_message("skipped: only root can ask as somebody else\n");
        skip();
    }
    subscribe(scene, "test", false);
    follow(scene);
    confirm_revision(scene, scene->revision);
    char socket[128], instance[2 * ID + 1];
    snprintf(socket, sizeof socket, "%s/rpc.sock", scene->service.sockets);
    assert_int_equal(
        chmod(scene->service.root, 0755) | chmod(scene->service.sockets, 0755) | chmod(socket, 0666), 0);
    bytes_to_hex(instance_of(scene), instance);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        execl("/proc/self/exe", "test_subscribers", scene->service.url, instance, (char *)NULL);
        _exit(127);
    }
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
    assert_int_equal(confirmed(scene), scene->revision);
    deactivate(scene);
    confirm_revision(scene, scene->revision + 1); /* with a lower sequence than the other user sent */
    assert_int_equal(confirmed(scene), scene->revision + 1);
}

/* ---- receipts ---- */

static void receipt__completes_with_the_confirmation(void **state)
{
    struct scene *scene = *state;
    CLEANUP(arena_clear) struct arena arena, second, third;
    subscribe(scene, "test", false);
    follow(scene);
    confirm_revision(scene, scene->revision);
    const int64_t before = time(NULL);
    deactivate(scene);
    const Jwkd__V1__Receipt *receipt = the_receipt(scene, &arena);
    assert_int_equal(receipt->revision, scene->revision + 1);
    assert_true(receipt->at >= before);
    assert_int_equal(receipt->n_lines, 1);
    assert_memory_equal(receipt->lines[0]->subscriber->instance_id.data, scene->instance, ID);
    assert_int_equal(receipt->lines[0]->subscriber->behind, 1);
    assert_false(receipt->lines[0]->confirmed || receipt->lines[0]->gone);
    assert_false(receipt->complete || receipt->bounded || receipt->unbounded);
    assert_in_range(receipt->effective_in_ms, 1, 600600);
    assert_in_range(receipt->effective_everywhere_by, before + 600, time(NULL) + 602);

    confirm_revision(scene, scene->revision); /* the revision before */
    assert_false(the_receipt(scene, &second)->complete);
    confirm_revision(scene, scene->revision + 1);
    receipt = the_receipt(scene, &third);
    assert_true(receipt->complete);
    assert_true(receipt->lines[0]->confirmed);
    assert_true(receipt->lines[0]->after_us > 0);
    assert_int_equal(receipt->lines[0]->subscriber->revision, scene->revision + 1);
    assert_false(receipt->bounded); /* although it is confirmed, the last lease may still run */
}

static void receipt__names_who_serves_stale_keys(void **state)
{
    struct scene *scene = *state;
    CLEANUP(arena_clear) struct arena arena, second;
    subscribe(scene, "test", true);
    follow(scene);
    deactivate(scene);
    assert_true(the_receipt(scene, &arena)->unbounded);
    confirm_revision(scene, scene->revision + 1);
    const Jwkd__V1__Receipt *receipt = the_receipt(scene, &second);
    assert_false(receipt->unbounded);
    assert_true(receipt->complete);
}

static void receipt__is_bounded_once_the_lease_has_passed(void **state)
{
    struct scene *scene = *state;
    subscribe(scene, "silent", false);
    follow(scene);
    deactivate(scene);
    for (time_t until = time(NULL) + PATIENCE_SEC;; pause_shortly()) {
        CLEANUP(arena_clear) struct arena arena;
        const Jwkd__V1__Receipt *receipt = the_receipt(scene, &arena);
        assert_false(receipt->complete);
        assert_int_equal(receipt->bounded, receipt->effective_in_ms == 0);
        if (receipt->bounded) break;
        assert_true(receipt->effective_in_ms <= 1001);
        assert_true(time(NULL) < until);
    }
}

static void restart(struct scene *scene)
{
    raw_close(&scene->raw);
    service_stop(&scene->service);
    service_start(&scene->service);
    raw_open(&scene->raw, &scene->service);
}

static void receipt__of_an_earlier_run_has_no_lines(void **state)
{
    struct scene *scene = *state;
    CLEANUP(arena_clear) struct arena arena, second, third;
    subscribe(scene, "test", false);
    follow(scene);
    deactivate(scene);
    const int64_t at = the_receipt(scene, &arena)->at;
    restart(scene);
    assert_int_equal(renew_nothing(scene, instance_of(scene), ++scene->sequence), JWKD_NOT_FOUND);
    const Jwkd__V1__Receipt *receipt = the_receipt(scene, &second);
    assert_int_equal(receipt->n_lines, 0);
    assert_int_equal(receipt->at, at);
    assert_int_equal(receipt->revision, scene->revision + 1);
    assert_false(receipt->complete || receipt->bounded || receipt->unbounded);
    assert_in_range(receipt->effective_everywhere_by, at + 601, time(NULL) + 602);
    assert_true(receipt->effective_in_ms > 0);
    /* It gets no lines later either: a subscriber that comes now takes a snapshot without the key. */
    subscribe(scene, "test", false);
    follow(scene);
    const jwkd_generate_options options = {.hold = true, .wait_ms = 30000};
    jwkd_key_answer *answer;
    assert_ok(jwkd_generate(scene->client, "shop", &options, &answer, NULL));
    jwkd_free(answer);
    assert_int_equal(the_receipt(scene, &third)->n_lines, 0);
}

/* A subscriber that is unknown to this run may still be fresh. */
static void receipt__after_a_restart_is_not_complete_before_all_are_known(void **state)
{
    struct scene *scene = *state;
    CLEANUP(arena_clear) struct arena arena;
    restart(scene);
    deactivate(scene);
    const Jwkd__V1__Receipt *receipt = the_receipt(scene, &arena);
    assert_int_equal(receipt->n_lines, 0);
    assert_true(receipt->revision > 0);
    assert_false(receipt->complete || receipt->bounded);
}

/* It is bounded only once all subscribers that could be fresh are known, even if the deactivation was long
 * ago. */
static void receipt__of_an_earlier_run_is_bounded_when_all_are_known(void **state)
{
    struct scene *scene = *state;
    deactivate(scene);
    restart(scene);
    for (time_t until = time(NULL) + PATIENCE_SEC;; pause_shortly()) {
        CLEANUP(arena_clear) struct arena arena;
        const Jwkd__V1__Receipt *receipt = the_receipt(scene, &arena);
        assert_int_equal(receipt->bounded, receipt->effective_in_ms == 0);
        if (receipt->bounded) break;
        assert_true(time(NULL) < until);
    }
    scene->service.option = "--max-lease=10m";
    restart(scene);
    CLEANUP(arena_clear) struct arena arena;
    const Jwkd__V1__Receipt *receipt = the_receipt(scene, &arena);
    assert_false(receipt->bounded);
    assert_in_range(receipt->effective_in_ms, 1, 602 * 1000);
}

static void receipt__is_of_a_key_that_was_deactivated(void **state)
{
    struct scene *scene = *state;
    CLEANUP(arena_clear) struct arena arena, second, third, fourth;
    assert_int_equal(
        ask_receipt(scene, "shop", scene->kid, &arena)->status, JWKD__V1__STATUS__FAILED_PRECONDITION);
    assert_int_equal(ask_receipt(scene, "shop", "none", &second)->status, JWKD__V1__STATUS__NOT_FOUND);
    assert_int_equal(ask_receipt(scene, "nowhere", "none", &third)->status, JWKD__V1__STATUS__NOT_FOUND);
    assert_int_equal(ask_subscribers(scene, "nowhere", 0, &fourth)->status, JWKD__V1__STATUS__NOT_FOUND);
}

/* A key that another one replaces is deactivated like any. */
static void receipt__is_there_for_a_key_that_was_replaced(void **state)
{
    struct scene *scene = *state;
    const jwkd_environment wanted = {.name = "vault", .default_algorithm = "ES256", .mode = JWKD_EXCLUSIVE};
    jwkd_environment *made;
    assert_ok(jwkd_environment_create(scene->client, &wanted, &made, NULL));
    jwkd_free(made);
    char *kid = key_generate(scene->client, "vault");
    const jwkd_generate_options options = {.invalidate_kid = kid, .wait_ms = 30000};
    jwkd_key_answer *answer;
    jwkd_error error = {0};
    assert_status(jwkd_generate(scene->client, "vault", &options, &answer, &error), JWKD_OK, &error);
    jwkd_free(answer);
    CLEANUP(arena_clear) struct arena arena;
    Jwkd__V1__Reply *reply = ask_receipt(scene, "vault", kid, &arena);
    assert_int_equal(reply->status, JWKD__V1__STATUS__OK);
    assert_true(reply->receipt->receipt->complete); /* it has no followers; in a new store all are known */
    free(kid);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
#define STRICT_CASE(name) cmocka_unit_test_setup_teardown(name, setup_strict, teardown)

int main(int count, char **arguments)
{
    if (count == 3) return ask_as_another(arguments[1], arguments[2]);
    const struct CMUnitTest tests[] = {
        CASE(hello__registers_only_who_asks_for_it),
        CASE(subscriber__is_listed_with_what_it_holds),
        CASE(list__comes_in_pages),
        CASE(confirmation__is_of_this_store_and_environment_and_of_what_there_is),
        CASE(renewal__that_comes_late_changes_nothing),
        CASE(request__of_an_impossible_instance_is_refused),
        CASE(request__of_who_knows_new_statuses_is_told_apart),
        CASE(renewal__with_too_long_a_list_is_refused),
        CASE(instance__is_of_no_use_to_another_user),
        CASE(receipt__completes_with_the_confirmation),
        CASE(receipt__names_who_serves_stale_keys),
        STRICT_CASE(receipt__is_bounded_once_the_lease_has_passed),
        CASE(receipt__of_an_earlier_run_has_no_lines),
        CASE(receipt__after_a_restart_is_not_complete_before_all_are_known),
        STRICT_CASE(receipt__of_an_earlier_run_is_bounded_when_all_are_known),
        CASE(receipt__is_of_a_key_that_was_deactivated),
        CASE(receipt__is_there_for_a_key_that_was_replaced),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
