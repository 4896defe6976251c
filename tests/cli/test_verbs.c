/* Verbs that follow something to its end, before a service that says what the test lets it say. */
#include "client/cases.h"

#include <errno.h>
#include <pty.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "client/fake_service.h"

#define GET_RECEIPT JWKD__V1__REQUEST__OPERATION_GET_RECEIPT
#define GET_OPERATION JWKD__V1__REQUEST__OPERATION_GET_OPERATION
#define DEACTIVATE JWKD__V1__REQUEST__OPERATION_DEACTIVATE

static int setup(void **state)
{
    *state = fake_start();
    return 0;
}

static int teardown(void **state)
{
    fake_stop(*state);
    return 0;
}

/* ---- the program */

/* A run of jwkctl with pipes, or on a terminal of its own, where both ends are one. */
struct run {
    pid_t pid;
    int out, err, in;
    char out_text[4096], err_text[4096];
    int code;
};

static void start(struct run *run, struct fake *fake, const char *arguments, bool terminal)
{
    char line[1024];
    int out[2], err[2];
    snprintf(line, sizeof line, "exec %s/jwkctl --url %s %s", TEST_BINARY_DIR, fake_url(fake), arguments);
    memset(run, 0, sizeof *run);
    assert_true(pipe(out) == 0 && pipe(err) == 0);
    run->pid = terminal ? forkpty(&run->in, NULL, NULL, NULL) : fork();
    assert_true(run->pid >= 0);
    if (run->pid == 0) {
        if (!terminal) {
            dup2(out[1], STDOUT_FILENO);
            dup2(err[1], STDERR_FILENO);
        }
        for (size_t i = 0; i < 2; i++)
            close(out[i]), close(err[i]);
        execl("/bin/sh", "sh", "-c", line, (char *)NULL);
        _exit(127);
    }
    close(out[1]);
    close(err[1]);
    run->out = out[0];
    run->err = err[0];
}

/* Appends what comes; false at the end. A terminal says EIO when its last user is gone. */
static bool take(int from, char *text, size_t size)
{
    size_t length = strlen(text);
    assert_true(length + 1 < size);
    ssize_t got = read(from, text + length, size - length - 1);
    if (got > 0) text[length + (size_t)got] = '\0';
    return got > 0 || (got < 0 && errno == EINTR);
}

static void await_text(struct run *run, const char *part)
{
    while (!strstr(run->out_text, part))
        if (!take(run->in, run->out_text, sizeof run->out_text)) fail_msg("it ended with: %s", run->out_text);
}

static void finish(struct run *run)
{
    int status;
    while (run->in && take(run->in, run->out_text, sizeof run->out_text)) {
    }
    while (take(run->out, run->out_text, sizeof run->out_text)) {
    }
    while (take(run->err, run->err_text, sizeof run->err_text)) {
    }
    assert_int_equal(waitpid(run->pid, &status, 0), run->pid);
    close(run->out);
    close(run->err);
    if (run->in) close(run->in);
    run->code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void jwkctl(struct run *run, struct fake *fake, const char *arguments)
{
    start(run, fake, arguments, false);
    finish(run);
}

static void assert_contains(const char *text, const char *part)
{
    if (!strstr(text, part)) fail_msg("no '%s' in: %s", part, text);
}

/* ---- what the service says */

static void say_key(
    struct fake *fake, Jwkd__V1__Request__OperationCase request, bool active, Jwkd__V1__Operation *operation)
{
    Jwkd__V1__Reply reply = JWKD__V1__REPLY__INIT;
    Jwkd__V1__KeyReply answer = JWKD__V1__KEY_REPLY__INIT;
    Jwkd__V1__Key key = JWKD__V1__KEY__INIT;
    Jwkd__V1__State state = JWKD__V1__STATE__INIT;
    uint8_t epoch[16] = {1};
    key.kid = wire_text("abc");
    key.algorithm = wire_text("ES256");
    key.state = active ? JWKD__V1__KEY_STATE__ACTIVE : JWKD__V1__KEY_STATE__DEACTIVATED;
    key.public_jwk = wire_bytes(bytes_of_text("{\"kty\":\"EC\"}"));
    key.tokens_signed = 1234;
    key.last_expiry = INT64_C(4102444800);
    state.epoch = wire_bytes(bytes_of(epoch, sizeof epoch));
    state.environment_id = 1;
    state.revision = 9;
    answer.key = &key;
    answer.state = &state;
    answer.primary_kid = wire_text("other");
    answer.operation = operation;
    reply.result_case = JWKD__V1__REPLY__RESULT_KEY;
    reply.key = &answer;
    fake_say(fake, request, &reply);
}

/* A key that signs, the only one; or another one before it, which is not primary. */
static void say_keys(struct fake *fake, bool only)
{
    Jwkd__V1__Reply reply = JWKD__V1__REPLY__INIT;
    Jwkd__V1__ListKeysReply answer = JWKD__V1__LIST_KEYS_REPLY__INIT;
    Jwkd__V1__State state = JWKD__V1__STATE__INIT;
    Jwkd__V1__Key keys[] = {JWKD__V1__KEY__INIT, JWKD__V1__KEY__INIT}, *pointers[] = {&keys[0], &keys[1]};
    uint8_t epoch[16] = {1};
    for (size_t i = 0; i < 2; i++) {
        keys[i].kid = wire_text(i == 0 ? "abc" : "other");
        keys[i].algorithm = wire_text("ES256");
        keys[i].state = JWKD__V1__KEY_STATE__ACTIVE;
        keys[i].tokens_signed = 1234;
        keys[i].last_expiry = INT64_C(4102444800);
    }
    keys[1].primary = true;
    state.epoch = wire_bytes(bytes_of(epoch, sizeof epoch));
    state.environment_id = 1;
    state.revision = 9;
    answer.keys = only ? pointers + 1 : pointers;
    answer.n_keys = only ? 1 : 2;
    answer.state = &state;
    reply.result_case = JWKD__V1__REPLY__RESULT_KEYS;
    reply.keys = &answer;
    fake_say(fake, JWKD__V1__REQUEST__OPERATION_LIST_KEYS, &reply);
}

static Jwkd__V1__Operation operation_in(Jwkd__V1__Operation__Phase phase, const char *reason)
{
    static uint8_t id[16] = {0x0a, 0x1b};
    Jwkd__V1__Operation operation = JWKD__V1__OPERATION__INIT;
    operation.id = wire_bytes(bytes_of(id, sizeof id));
    operation.kind = JWKD__V1__OPERATION__KIND__ROTATE;
    operation.phase = phase;
    operation.environment = wire_text("prod");
    operation.kid = wire_text("abc");
    operation.reason = wire_text(reason);
    operation.confirmed = 2;
    operation.subscribers = 3;
    operation.at_most_ms = 30000;
    return operation;
}

static void say_operation(struct fake *fake, Jwkd__V1__Operation operation)
{
    Jwkd__V1__Reply reply = JWKD__V1__REPLY__INIT;
    Jwkd__V1__OperationReply answer = JWKD__V1__OPERATION_REPLY__INIT;
    answer.operation = &operation;
    reply.result_case = JWKD__V1__REPLY__RESULT_OPERATION;
    reply.operation = &answer;
    fake_say(fake, GET_OPERATION, &reply);
}

static Jwkd__V1__Subscriber subscriber_named(uint8_t *id, const char *name)
{
    Jwkd__V1__Subscriber subscriber = JWKD__V1__SUBSCRIBER__INIT;
    subscriber.instance_id = wire_bytes(bytes_of(id, 16));
    subscriber.name = wire_text(name);
    subscriber.principal = wire_text("uid:7");
    subscriber.environment = wire_text("prod");
    subscriber.lease_ms = 3000;
    return subscriber;
}

/* Of two subscribers the first, or both, have confirmed. */
static void say_receipt(struct fake *fake, bool complete, uint32_t effective_in_ms)
{
    static uint8_t ids[2][16] = {{0xaa}, {0xbb}};
    Jwkd__V1__Reply reply = JWKD__V1__REPLY__INIT;
    Jwkd__V1__ReceiptReply answer = JWKD__V1__RECEIPT_REPLY__INIT;
    Jwkd__V1__Receipt receipt = JWKD__V1__RECEIPT__INIT;
    Jwkd__V1__Receipt__Line lines[2], *pointers[2];
    Jwkd__V1__Subscriber subscribers[] = {
        subscriber_named(ids[0], "gateway"), subscriber_named(ids[1], "billing")};
    for (size_t i = 0; i < 2; i++) {
        lines[i] = (Jwkd__V1__Receipt__Line)JWKD__V1__RECEIPT__LINE__INIT;
        lines[i].subscriber = &subscribers[i];
        lines[i].confirmed = complete || i == 0;
        lines[i].after_us = 850 * (i + 1);
        pointers[i] = &lines[i];
    }
    receipt.environment = wire_text("prod");
    receipt.kid = wire_text("abc");
    receipt.lines = pointers;
    receipt.n_lines = 2;
    receipt.complete = complete;
    receipt.effective_in_ms = effective_in_ms;
    answer.receipt = &receipt;
    reply.result_case = JWKD__V1__REPLY__RESULT_RECEIPT;
    reply.receipt = &answer;
    fake_say(fake, GET_RECEIPT, &reply);
}

/* ---- deactivate */

static void deactivate__fills_the_receipt_in(void **state)
{
    struct fake *fake = *state;
    struct run run;
    say_key(fake, DEACTIVATE, false, NULL);
    say_receipt(fake, false, 60000);
    start(&run, fake, "deactivate prod abc", false);
    fake_await(fake, GET_RECEIPT, 3);
    say_receipt(fake, true, 0);
    finish(&run);
    assert_int_equal(run.code, 0);
    assert_string_equal(run.out_text,
        "stopped abc (ES256): deactivated; prod is at revision 9\n"
        "prod signs with other\n"
        "  gateway (aa000000) refuses it, after 0.8 ms\n"
        "  billing (bb000000) refuses it, after 1.7 ms\n"
        "2 of 2 subscribers refuse it, the last after 1.7 ms\n"
        "refused everywhere\n"
        "not counted: whoever was given the key, or a copy of the JWKS, by hand\n"
        "it signed no token\n");
}

static void deactivate__ends_when_every_lease_has_run_out(void **state)
{
    struct fake *fake = *state;
    struct run run;
    say_key(fake, DEACTIVATE, false, NULL);
    say_receipt(fake, false, 60000);
    start(&run, fake, "deactivate prod abc", false);
    fake_await(fake, GET_RECEIPT, 3);
    say_receipt(fake, false, 0);
    finish(&run);
    assert_int_equal(run.code, 0);
    assert_contains(run.out_text, "  billing (bb000000) has not confirmed");
    assert_contains(run.out_text, "refused everywhere: every lease has run out\n");
}

static void deactivate__does_not_wait_when_told_so(void **state)
{
    struct fake *fake = *state;
    struct run run;
    say_key(fake, DEACTIVATE, false, NULL);
    say_receipt(fake, false, 60000);
    jwkctl(&run, fake, "deactivate prod abc --no-wait");
    assert_int_equal(run.code, 0);
    assert_int_equal(fake_count(fake, GET_RECEIPT), 1);
    assert_contains(run.out_text, "1 of 2 subscribers refuse it");
    assert_contains(run.out_text, "(in 60 s), whoever answers\n");
}

static void deactivate__prints_one_object_at_the_end(void **state)
{
    struct fake *fake = *state;
    struct run run;
    say_key(fake, DEACTIVATE, false, NULL);
    say_receipt(fake, false, 60000);
    start(&run, fake, "--json deactivate prod abc", false);
    fake_await(fake, GET_RECEIPT, 3);
    say_receipt(fake, true, 0);
    finish(&run);
    assert_int_equal(run.code, 0);
    assert_ptr_equal(strchr(run.out_text, '\n'), run.out_text + strlen(run.out_text) - 1);
    assert_contains(run.out_text, "{\"kid\":\"abc\",\"state\":\"deactivated\"");
    assert_contains(run.out_text, "\"receipt\":{\"revision\":0,\"at\":0,\"complete\":true,");
}

/* The deactivation has happened: it is no failure that jwkctl cannot get the receipt. */
static void deactivate__without_a_receipt_warns(void **state)
{
    struct fake *fake = *state;
    struct run run;
    say_key(fake, DEACTIVATE, false, NULL);
    jwkctl(&run, fake, "deactivate prod abc");
    assert_int_equal(run.code, 0);
    assert_contains(run.err_text, "warning: the key is deactivated, but");
    assert_contains(run.out_text, "prod signs with other\n");
    jwkctl(&run, fake, "deactivate prod abc --json");
    assert_int_equal(run.code, 0);
    assert_contains(run.out_text, "\"receipt\":null}");
    assert_contains(run.err_text, "{\"warning\":{\"message\":\"the key is deactivated, but");
}

static void deactivate__asks_on_a_terminal(void **state)
{
    struct fake *fake = *state;
    struct run run;
    static const char *const ANSWERS[] = {"n\n", "\n", "maybe\n", "\004"};
    say_keys(fake, false);
    say_key(fake, DEACTIVATE, false, NULL);
    say_receipt(fake, true, 0);
    for (size_t i = 0; i < sizeof ANSWERS / sizeof *ANSWERS; i++) {
        start(&run, fake, "deactivate prod abc", true);
        await_text(&run, "[y/N] ");
        assert_contains(run.out_text,
            "abc is active in prod and signed 1234 tokens since the service was started; "
            "the last expires in ");
        assert_true(write(run.in, ANSWERS[i], strlen(ANSWERS[i])) > 0);
        finish(&run);
        assert_int_equal(run.code, 1);
        assert_contains(run.out_text, "nothing was changed");
        assert_int_equal(fake_count(fake, DEACTIVATE), 0);
    }
    start(&run, fake, "deactivate prod abc", true);
    await_text(&run, "[y/N] ");
    assert_true(write(run.in, "y\n", 2) > 0);
    finish(&run);
    assert_int_equal(run.code, 0);
    assert_int_equal(fake_count(fake, DEACTIVATE), 1);
    static const char *const SILENT[] = {
        "deactivate prod abc --yes", "deactivate prod abc --json", "deactivate prod abc </dev/null"};
    for (size_t i = 0; i < sizeof SILENT / sizeof *SILENT; i++) {
        start(&run, fake, SILENT[i], true);
        finish(&run);
        assert_int_equal(run.code, 0);
        assert_null(strstr(run.out_text, "[y/N]"));
    }
}

/* It tells what signs after the primary key. It does not ask about the last key where the service would
 * refuse. */
static void deactivate__tells_who_signs_next(void **state)
{
    struct fake *fake = *state;
    struct run run;
    say_keys(fake, false);
    start(&run, fake, "deactivate prod other", true);
    await_text(&run, "abc signs then.\r\nRefuse all of them from now on, for good? [y/N] ");
    assert_true(write(run.in, "n\n", 2) > 0);
    finish(&run);
    say_keys(fake, true);
    start(&run, fake, "deactivate prod other --allow-none", true);
    await_text(&run, "Nothing can be signed then.\r\nRefuse all of them from now on, for good? [y/N] ");
    assert_true(write(run.in, "n\n", 2) > 0);
    finish(&run);
    start(&run, fake, "deactivate prod other", true);
    finish(&run);
    assert_int_equal(run.code, 1);
    assert_contains(run.out_text, "this is the last active key and signing would stop");
    assert_null(strstr(run.out_text, "[y/N]"));
    assert_int_equal(fake_count(fake, DEACTIVATE), 0);
}

/* It rewrites one line of the terminal while it waits, and clears that line for each new message. */
static void deactivate__writes_in_place_on_a_terminal(void **state)
{
    struct fake *fake = *state;
    struct run run;
    say_key(fake, DEACTIVATE, false, NULL);
    say_receipt(fake, false, 60000);
    start(&run, fake, "deactivate prod abc --yes", true);
    await_text(&run, "\r1 of 2 subscribers refuse it; at most 60 s more\033[K");
    say_receipt(fake, true, 0);
    finish(&run);
    assert_int_equal(run.code, 0);
    assert_contains(run.out_text, "\033[K\r\033[K  billing (bb000000) refuses it");
}

/* ---- generate */

static void generate__tells_what_is_to_come(void **state)
{
    struct fake *fake = *state;
    struct run run;
    Jwkd__V1__Operation waiting =
        operation_in(JWKD__V1__OPERATION__PHASE__WAITING, "2 of 3 subscribers have confirmed the key");
    say_key(fake, JWKD__V1__REQUEST__OPERATION_GENERATE, true, &waiting);
    say_key(fake, JWKD__V1__REQUEST__OPERATION_GET_KEY, true, NULL);
    jwkctl(&run, fake, "generate prod");
    assert_int_equal(run.code, 0);
    assert_string_equal(run.out_text,
        "made abc (ES256): active; prod is at revision 9\n"
        "published; becomes primary when its subscribers have it: "
        "'jwkctl operation show 0a1b0000000000000000000000000000'\n"
        "until then: 2 of 3 subscribers have confirmed the key; at most 30 s more\n");
    assert_int_equal(fake_count(fake, GET_OPERATION), 0);
}

static void generate__follows_to_the_end(void **state)
{
    struct fake *fake = *state;
    struct run run;
    Jwkd__V1__Operation waiting =
        operation_in(JWKD__V1__OPERATION__PHASE__WAITING, "2 of 3 subscribers have confirmed the key");
    say_key(fake, JWKD__V1__REQUEST__OPERATION_GENERATE, true, &waiting);
    say_key(fake, JWKD__V1__REQUEST__OPERATION_GET_KEY, true, NULL);
    say_operation(fake, waiting);
    start(&run, fake, "generate prod --wait", false);
    while (!strstr(run.err_text, "\n"))
        assert_true(take(run.err, run.err_text, sizeof run.err_text));
    /* It prints a line again only when another subscriber has confirmed. */
    fake_await(fake, GET_OPERATION, fake_count(fake, GET_OPERATION) + 3);
    waiting.confirmed = 3;
    waiting.reason = wire_text("3 of 3 subscribers have confirmed the key");
    say_operation(fake, waiting);
    fake_await(fake, GET_OPERATION, fake_count(fake, GET_OPERATION) + 3);
    say_operation(fake, operation_in(JWKD__V1__OPERATION__PHASE__DONE, "every subscriber confirmed the key"));
    finish(&run);
    assert_int_equal(run.code, 0);
    assert_string_equal(run.err_text,
        "jwkctl: 2 of 3 subscribers have confirmed the key; at most 30 s more\n"
        "jwkctl: 3 of 3 subscribers have confirmed the key; at most 30 s more\n");
    assert_contains(run.out_text, "it is primary after ");
    assert_contains(run.out_text, ": every subscriber confirmed the key\n");
}

static void generate__fails_when_the_promotion_is_cancelled(void **state)
{
    struct fake *fake = *state;
    struct run run;
    Jwkd__V1__Operation waiting = operation_in(JWKD__V1__OPERATION__PHASE__WAITING, "");
    say_key(fake, JWKD__V1__REQUEST__OPERATION_GENERATE, true, &waiting);
    say_key(fake, JWKD__V1__REQUEST__OPERATION_GET_KEY, true, NULL);
    say_operation(fake, operation_in(JWKD__V1__OPERATION__PHASE__CANCELLED, "another key was set primary"));
    jwkctl(&run, fake, "generate prod --wait");
    assert_int_equal(run.code, 1);
    assert_contains(run.err_text, "jwkctl: abc does not become primary: another key was set primary\n");
    assert_contains(run.err_text, "  'jwkctl list prod' shows which key signs");
    jwkctl(&run, fake, "generate prod --wait --json");
    assert_int_equal(run.code, 1);
    assert_contains(run.out_text, "\"phase\":\"cancelled\"");
    assert_contains(run.err_text, "{\"error\":{\"status\":\"FAILED_PRECONDITION\"");
}

static void generate__fails_when_time_is_up(void **state)
{
    struct fake *fake = *state;
    struct run run;
    Jwkd__V1__Operation waiting =
        operation_in(JWKD__V1__OPERATION__PHASE__WAITING, "2 of 3 subscribers have confirmed the key");
    say_key(fake, JWKD__V1__REQUEST__OPERATION_GENERATE, true, &waiting);
    say_key(fake, JWKD__V1__REQUEST__OPERATION_GET_KEY, true, NULL);
    say_operation(fake, waiting);
    jwkctl(&run, fake, "generate prod --wait --timeout 0");
    assert_int_equal(run.code, 1);
    assert_contains(run.err_text, "abc is published and not primary yet: 2 of 3 subscribers have confirmed");
    assert_contains(run.err_text, "'jwkctl operation show 0a1b0000000000000000000000000000'");
    jwkctl(&run, fake, "generate prod --wait --timeout 0 --json");
    assert_int_equal(run.code, 1);
    assert_contains(run.out_text, "\"phase\":\"waiting\"");
    assert_contains(run.err_text, "{\"error\":{\"status\":\"DEADLINE_EXCEEDED\"");
}

/* ---- subscribers */

static void subscribers__are_a_table(void **state)
{
    struct fake *fake = *state;
    struct run run;
    uint8_t ids[2][16] = {{0xaa}, {0xbb}};
    Jwkd__V1__Subscriber rows[] = {subscriber_named(ids[0], "gateway"), subscriber_named(ids[1], "")};
    Jwkd__V1__Subscriber *pointers[] = {&rows[0], &rows[1]};
    Jwkd__V1__ListSubscribersReply answer = JWKD__V1__LIST_SUBSCRIBERS_REPLY__INIT;
    Jwkd__V1__Reply reply = JWKD__V1__REPLY__INIT;
    reply.result_case = JWKD__V1__REPLY__RESULT_SUBSCRIBERS;
    reply.subscribers = &answer;
    fake_say(fake, JWKD__V1__REQUEST__OPERATION_LIST_SUBSCRIBERS, &reply);
    jwkctl(&run, fake, "subscribers prod");
    assert_int_equal(run.code, 0);
    assert_string_equal(run.err_text, "jwkctl: nobody follows prod\n");
    jwkctl(&run, fake, "subscribers --json");
    assert_string_equal(run.out_text, "{\"subscribers\":[]}\n");

    rows[0].revision = 9;
    rows[0].last_seen_ms = 1200;
    rows[1].behind = 9;
    rows[1].serves_stale = true;
    answer.subscribers = pointers;
    answer.n_subscribers = 2;
    fake_say(fake, JWKD__V1__REQUEST__OPERATION_LIST_SUBSCRIBERS, &reply);
    jwkctl(&run, fake, "subscribers");
    assert_int_equal(run.code, 0);
    assert_string_equal(run.out_text,
        "INSTANCE  NAME     ENV   REVISION  LAG  LEASE  ON STALE  LAST SEEN\n"
        "aa000000  gateway  prod  9         0    3.0 s  refuse    1.2 s ago\n"
        "bb000000  -        prod  none yet  9    3.0 s  serve     0.0 ms ago\n");
    jwkctl(&run, fake, "subscribers --json");
    assert_contains(run.out_text,
        "{\"subscribers\":[{\"instance\":\"aa000000000000000000000000000000\",\"name\":\"gateway\"");
}

/* ---- status */

static void status__is_no_wider_than_a_terminal(void **state)
{
    struct fake *fake = *state;
    struct run run;
    Jwkd__V1__Reply reply = JWKD__V1__REPLY__INIT;
    Jwkd__V1__StatusReply answer = JWKD__V1__STATUS_REPLY__INIT;
    answer.store = wire_text("read-write");
    answer.signing_refused_until = INT64_C(4102444800);
    answer.signing_refused_because = wire_text(
        "the clock says 2026-01-01T00:00:00Z, and the keys were changed, or signed, when it said "
        "2100-01-01T00:00:00Z: set it right; if it is right now, start once with jwkd --accept-clock");
    reply.result_case = JWKD__V1__REPLY__RESULT_SERVICE_STATUS;
    reply.service_status = &answer;
    fake_say(fake, JWKD__V1__REQUEST__OPERATION_STATUS, &reply);
    jwkctl(&run, fake, "status");
    assert_int_equal(run.code, 0);
    assert_contains(run.out_text,
        "signing        refused until 2100-01-01T00:00:00Z\n"
        "               the clock says 2026-01-01T00:00:00Z, and the keys were changed,\n"
        "               or signed, when it said 2100-01-01T00:00:00Z: set it right; if it\n"
        "               is right now, start once with jwkd --accept-clock\n");
    for (const char *line = run.out_text; *line; line += strcspn(line, "\n") + 1)
        assert_in_range(strcspn(line, "\n"), 1, 80);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define CASE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
        CASE(deactivate__fills_the_receipt_in),
        CASE(deactivate__ends_when_every_lease_has_run_out),
        CASE(deactivate__does_not_wait_when_told_so),
        CASE(deactivate__prints_one_object_at_the_end),
        CASE(deactivate__without_a_receipt_warns),
        CASE(deactivate__asks_on_a_terminal),
        CASE(deactivate__tells_who_signs_next),
        CASE(deactivate__writes_in_place_on_a_terminal),
        CASE(generate__tells_what_is_to_come),
        CASE(generate__follows_to_the_end),
        CASE(generate__fails_when_the_promotion_is_cancelled),
        CASE(generate__fails_when_time_is_up),
        CASE(subscribers__are_a_table),
        CASE(status__is_no_wider_than_a_terminal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
