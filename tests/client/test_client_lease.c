/* Registered, renewed, confirmed; fresh, behind, stale: a verifier against a service on real sockets. The
 * machine itself is tried out in test_lease_counting.c and those beside it. */
#include "client/cases.h"

#include <jwkd.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "client/fake_service.h"
#include "client/journal.h"

#define OP(name) JWKD__V1__REQUEST__OPERATION_##name
#define ENV "shop"

enum { SHORT_LEASE_MS = 300, NEVER_MS = 60000 };

static struct fake *fake;
static jwkd_client *client;
static jwkd_verifier *verifier;
static struct journal journal;
static char *tokens[4];

static jwkd_verdict judge(const char *token)
{
    return jwkd_verify(verifier, token, strlen(token), NULL, NULL, NULL);
}

#define assert_verdict(expected, token) \
    assert_string_equal(jwkd_verdict_name(JWKD_VERDICT_##expected), jwkd_verdict_name(judge(token)))

static jwkd_freshness freshness(void)
{
    jwkd_freshness now;
    assert_int_equal(jwkd_verifier_freshness(verifier, &now, NULL), JWKD_OK);
    return now;
}

/* A machine that pauses for longer than a short lease makes a verifier stale: what is expected of a fresh one
 * is awaited. */
static void await_state(jwkd_freshness_state state)
{
    while (freshness().state != state)
        sched_yield();
}

static void await_verdict(jwkd_verdict verdict, const char *token)
{
    while (judge(token) != verdict)
        sched_yield();
}

static int set_up(void **state)
{
    (void)state;
    fake = fake_start();
    fake_create_environment(fake, ENV, false);
    fake_generate(fake, ENV);
    fake_generate(fake, ENV);
    tokens[0] = fake_token(fake, ENV, 0, NULL);
    tokens[1] = fake_token(fake, ENV, 1, NULL);
    journal_init(&journal);
    const jwkd_client_options options = {.name = "me", .timeout_ms = NEVER_MS};
    return jwkd_open(fake_url(fake), &options, &client, NULL) == JWKD_OK ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    fake_hush(fake);
    jwkd_verifier_close(verifier);
    jwkd_close(client);
    fake_stop(fake);
    verifier = NULL;
    for (size_t i = 0; i < sizeof tokens / sizeof *tokens; i++) {
        free(tokens[i]);
        tokens[i] = NULL;
    }
    return 0;
}

static void open_verifier(jwkd_verifier_options options)
{
    options.on_event = journal_write;
    options.context = &journal;
    assert_int_equal(jwkd_verifier_open(client, ENV, &options, &verifier, NULL), JWKD_OK);
}

/* ---- registering */

static void register__by_hello_with_what_the_program_wishes(void **state)
{
    (void)state;
    assert_int_equal(fake_subscribers(fake), 0); /* a client that verifies nothing does not subscribe */
    open_verifier((jwkd_verifier_options){.lease_ms = 7000, .on_stale = JWKD_SERVE_STALE});
    assert_int_equal(freshness().state, JWKD_FRESH);
    assert_int_equal(freshness().lease_ms, 7000);
    assert_int_equal(freshness().revision, 3);
    assert_verdict(VALID, tokens[0]);
    struct fake_wish wish = fake_last_wish(fake);
    assert_string_equal(wish.name, "me");
    assert_int_equal(wish.lease_ms, 7000);
    assert_true(wish.serves_stale);
    fake_await_confirmed(fake, ENV, 3);
    assert_int_equal(fake_subscribers(fake), 1);
}

static uint64_t microseconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

/* For how long they have been held: since a change, and not since a heartbeat. The two clocks differ by what
 * a clock is slewed. */
static void register__tells_since_when_the_keys_are_held(void **state)
{
    (void)state;
    enum { SLEW_US = 1000 };
    uint64_t before = microseconds();
    open_verifier((jwkd_verifier_options){0});
    assert_true(freshness().held_us <= microseconds() - before + SLEW_US);
    while (freshness().held_us < 50 * 1000)
        sched_yield();
    before = microseconds();
    fake_deactivate(fake, ENV, 0);
    await_verdict(JWKD_VERDICT_KEY_DEACTIVATED, tokens[0]);
    assert_true(freshness().held_us <= microseconds() - before + SLEW_US);
}

static void register__another_verifier_changes_the_wish_not_the_registration(void **state)
{
    (void)state;
    jwkd_verifier *other = NULL;
    const jwkd_verifier_options serving = {.on_stale = JWKD_SERVE_STALE};
    open_verifier((jwkd_verifier_options){.lease_ms = 7000});
    assert_int_equal(jwkd_verifier_open(client, ENV, &serving, &other, NULL), JWKD_OK);
    struct fake_wish wish = fake_last_wish(fake);
    assert_true(wish.went_on && wish.serves_stale);
    assert_int_equal(wish.lease_ms, 0);
    assert_int_equal(freshness().lease_ms, 7000); /* its own is as it was */
    fake_await_confirmed(fake, ENV, 3);
    assert_int_equal(fake_subscribers(fake), 1);
    jwkd_verifier_close(other);
    fake_deactivate(fake, ENV, 0);
    fake_await_confirmed(fake, ENV, 4); /* the first one is counted on still */
}

static void register__refuses_a_service_that_cannot(void **state)
{
    (void)state;
    jwkd_error error = {0};
    fake_grow_old(fake, true);
    assert_int_equal(jwkd_verifier_open(client, ENV, NULL, &verifier, &error), JWKD_UNSUPPORTED);
    assert_non_null(strstr(error.message, "registers no subscribers"));
    assert_null(verifier);
    jwkd_watch *watch = NULL; /* which needs no registration */
    assert_int_equal(jwkd_watch_open(client, ENV, journal_write, &journal, &watch, NULL), JWKD_OK);
    jwkd_watch_close(watch);
}

static void register__insists_on_a_heartbeat(void **state)
{
    (void)state;
    jwkd_client *hasty = NULL;
    jwkd_error error = {0};
    const jwkd_client_options options = {.timeout_ms = 200};
    fake_beat(fake, false);
    assert_int_equal(jwkd_open(fake_url(fake), &options, &hasty, NULL), JWKD_OK);
    jwkd_status status = jwkd_verifier_open(hasty, ENV, NULL, &verifier, &error);
    assert_true(status == JWKD_TIMED_OUT || status == JWKD_UNREACHABLE); /* so far it came in 200 ms */
    assert_null(verifier);
    jwkd_close(hasty);
}

static void register__ends_when_nobody_follows(void **state)
{
    (void)state;
    open_verifier((jwkd_verifier_options){0});
    fake_await_confirmed(fake, ENV, 3);
    jwkd_verifier_close(verifier);
    verifier = NULL;
    fake_await_unfollowed(fake, ENV);
    open_verifier((jwkd_verifier_options){0});
    fake_await_confirmed(fake, ENV, 3);
    jwkd_verifier_close(verifier);
    verifier = NULL;
    jwkd_close(client); /* waits for the farewell */
    client = NULL;
    fake_await_unfollowed(fake, ENV);
}

static void renew__goes_on(void **state)
{
    (void)state;
    fake_grant(fake, 30000, 50, 30000);
    open_verifier((jwkd_verifier_options){0});
    fake_await(fake, OP(RENEW), 5);
    assert_verdict(VALID, tokens[0]);
    assert_int_equal(fake_count(fake, OP(GET_JWKS)), 1);
}

static void renew__unanswered_ends_the_registration(void **state)
{
    (void)state;
    fake_grant(fake, 30000, 100, 300); /* by which the lease would go on */
    open_verifier((jwkd_verifier_options){0});
    fake_misbehave(fake, FAKE_BUSY, 1000000);
    journal_await(&journal, JWKD_EVENT_STALE, 3, 1);
    fake_misbehave(fake, FAKE_WELL, 0);
    await_verdict(JWKD_VERDICT_VALID, tokens[0]);
}

static void confirm__every_revision_by_event(void **state)
{
    (void)state;
    open_verifier((jwkd_verifier_options){0});
    fake_deactivate(fake, ENV, 0);
    fake_await_confirmed(fake, ENV, 4);
    assert_verdict(KEY_DEACTIVATED, tokens[0]); /* a verifier that has confirmed refuses it */
    fake_generate(fake, ENV);
    fake_await_confirmed(fake, ENV, 5);
    assert_int_equal(fake_count(fake, OP(GET_JWKS)), 1);
}

static void confirm__many_revisions_together(void **state)
{
    (void)state;
    open_verifier((jwkd_verifier_options){0});
    fake_await_confirmed(fake, ENV, 3);
    for (int i = 0; i < 20; i++)
        fake_set_issuer(fake, ENV, "https://shop.example");
    fake_await_confirmed(fake, ENV, 23);
    assert_in_range(fake_count(fake, OP(RENEW)), 2, 15);
}

static void begin_again_when_forgotten(void)
{
    open_verifier((jwkd_verifier_options){0});
    fake_await_confirmed(fake, ENV, 3);
    fake_forget_subscribers(fake);
    fake_deactivate(fake, ENV, 0); /* the confirmation is refused */
    fake_await_confirmed(fake, ENV, 4);
    await_state(JWKD_FRESH);
    assert_int_equal(fake_subscribers(fake), 1);
}

static void register__begins_again_when_it_was_forgotten(void **state)
{
    (void)state;
    begin_again_when_forgotten();
}

static void register__begins_again_when_an_old_service_forgot_it(void **state)
{
    (void)state;
    fake_use_old_statuses(fake);
    begin_again_when_forgotten();
}

/* Its next question is for a snapshot. */
static void begin_again_with_a_snapshot(void)
{
    open_verifier((jwkd_verifier_options){0});
    fake_await_confirmed(fake, ENV, 3);
    fake_forget_subscribers(fake);
    fake_mute(fake, true);
    fake_generate(fake, ENV);
    fake_mute(fake, false);
    fake_set_issuer(fake, ENV, "https://shop.example"); /* a gap: the snapshot is refused */
    fake_await_confirmed(fake, ENV, 5);
    assert_verdict(VALID, tokens[0]);
    assert_int_equal(journal_count(&journal, JWKD_EVENT_ENVIRONMENT_DELETED), 0);
}

static void register__forgotten_is_told_from_a_deleted_environment(void **state)
{
    (void)state;
    begin_again_with_a_snapshot();
    assert_int_equal(fake_count(fake, OP(RENEW)), 2); /* confirmations: nothing had to be asked once more */
}

static void register__forgotten_by_an_old_service_is_not_taken_for_a_deleted_environment(void **state)
{
    (void)state;
    fake_use_old_statuses(fake);
    begin_again_with_a_snapshot();
    assert_int_equal(fake_count(fake, OP(RENEW)), 3);
}

static void register__begins_again_with_another_boot(void **state)
{
    (void)state;
    open_verifier((jwkd_verifier_options){0});
    fake_change_boot(fake);
    journal_await(&journal, JWKD_EVENT_BEHIND, 3, 1);
    assert_verdict(VALID, tokens[0]); /* the lease goes on */
    fake_await_confirmed(fake, ENV, 3);
    await_state(JWKD_FRESH);
    assert_int_equal(fake_subscribers(fake), 1);
}

static void register__begins_again_after_a_restart(void **state)
{
    (void)state;
    open_verifier((jwkd_verifier_options){0});
    fake_down(fake);
    journal_await(&journal, JWKD_EVENT_DISCONNECTED, 0, 1);
    assert_verdict(VALID, tokens[0]);
    assert_int_equal(freshness().state, JWKD_FRESH); /* nothing is known to be missing */
    fake_deactivate(fake, ENV, 0);
    fake_up(fake);
    fake_await_confirmed(fake, ENV, 4);
    assert_verdict(KEY_DEACTIVATED, tokens[0]);
    await_state(JWKD_FRESH);
}

/* ---- stale */

static void stale__when_heartbeats_stop(void **state)
{
    (void)state;
    fake_grant(fake, SHORT_LEASE_MS, 60000, 120000);
    open_verifier((jwkd_verifier_options){0});
    fake_beat(fake, false);
    journal_await(&journal, JWKD_EVENT_STALE, 3, 1);
    jwkd_error error = {0};
    assert_int_equal(
        jwkd_verify(verifier, tokens[0], strlen(tokens[0]), NULL, NULL, &error), JWKD_VERDICT_KEYS_TOO_OLD);
    assert_string_not_equal(error.message, "");
    assert_int_equal(freshness().state, JWKD_STALE);
    assert_true(freshness().age_ms >= SHORT_LEASE_MS);
    fake_beat(fake, true);
    await_verdict(JWKD_VERDICT_VALID, tokens[0]);
}

static void stale__when_cut_off(void **state)
{
    (void)state;
    fake_grant(fake, SHORT_LEASE_MS, 60000, 120000);
    open_verifier((jwkd_verifier_options){0});
    fake_down(fake);
    fake_deactivate(fake, ENV, 0); /* the verifier cannot hear of it */
    journal_await(&journal, JWKD_EVENT_STALE, 3, 1);
    assert_verdict(KEYS_TOO_OLD, tokens[0]);
    assert_verdict(KEYS_TOO_OLD, tokens[1]);
    fake_up(fake);
    await_verdict(JWKD_VERDICT_VALID, tokens[1]);
    assert_verdict(KEY_DEACTIVATED, tokens[0]);
}

static void stale__serving_says_how_old(void **state)
{
    (void)state;
    fake_grant(fake, SHORT_LEASE_MS, 60000, 120000);
    open_verifier((jwkd_verifier_options){.on_stale = JWKD_SERVE_STALE});
    jwkd_token *token = jwkd_token_new();
    assert_int_equal(jwkd_token_stale_ms(token), 0);
    fake_beat(fake, false);
    journal_await(&journal, JWKD_EVENT_STALE, 3, 1);
    assert_int_equal(
        jwkd_verify(verifier, tokens[0], strlen(tokens[0]), NULL, token, NULL), JWKD_VERDICT_VALID);
    assert_true(jwkd_token_stale_ms(token) >= SHORT_LEASE_MS);
    fake_down(fake);
    char *unknown = fake_token(fake, ENV, fake_generate(fake, ENV), NULL);
    assert_verdict(KEYS_TOO_OLD, unknown); /* it may be a newer key, and it is */
    fake_deactivate(fake, ENV, 0);
    fake_beat(fake, true);
    fake_up(fake);
    await_verdict(JWKD_VERDICT_KEY_DEACTIVATED, tokens[0]);
    await_verdict(JWKD_VERDICT_VALID, unknown);
    do
        assert_int_equal(
            jwkd_verify(verifier, tokens[1], strlen(tokens[1]), NULL, token, NULL), JWKD_VERDICT_VALID);
    while (jwkd_token_stale_ms(token) != 0);
    free(unknown);
    jwkd_token_free(token);
}

static void stale__in_the_background_until_vouched_for(void **state)
{
    (void)state;
    jwkd_close(client);
    const jwkd_client_options options = {.timeout_ms = NEVER_MS, .background = true};
    assert_int_equal(jwkd_open(fake_url(fake), &options, &client, NULL), JWKD_OK);
    fake_beat(fake, false);
    open_verifier((jwkd_verifier_options){0});
    journal_await(&journal, JWKD_EVENT_SYNCHRONISED, 3, 1);
    assert_verdict(KEYS_TOO_OLD, tokens[0]);
    assert_true(freshness().age_ms == UINT64_MAX);
    fake_beat(fake, true);
    journal_await(&journal, JWKD_EVENT_FRESH, 3, 1);
    assert_verdict(VALID, tokens[0]);
}

static void stale__is_no_state_of_a_plain_jwks(void **state)
{
    (void)state;
    char document[2048];
    int size = snprintf(document, sizeof document, "{\"keys\":[%s]}", fake_jwk(fake, ENV, 0));
    assert_int_equal(jwkd_verifier_from_jwks((jwkd_bytes){document, (size_t)size}, &verifier, NULL), JWKD_OK);
    assert_int_equal(freshness().state, JWKD_FRESH);
    assert_verdict(VALID, tokens[0]);
    assert_verdict(UNKNOWN_KEY, tokens[1]);
}

/* ---- behind */

/* Revision 4, a key, is missed; revision 5 shows it, and the snapshot does not come. */
static void fall_behind(void)
{
    fake_await_confirmed(fake, ENV, 3);
    fake_hold_snapshots(fake, true);
    fake_mute(fake, true);
    tokens[2] = fake_token(fake, ENV, fake_generate(fake, ENV), NULL);
    fake_mute(fake, false);
    fake_set_issuer(fake, ENV, "https://shop.example");
    journal_await(&journal, JWKD_EVENT_BEHIND, 3, 1);
}

static void behind__known_keys_are_judged(void **state)
{
    (void)state;
    open_verifier((jwkd_verifier_options){0});
    fall_behind();
    assert_verdict(VALID, tokens[0]);
    assert_int_equal(freshness().state, JWKD_BEHIND);
    fake_hold_snapshots(fake, false);
    journal_await(&journal, JWKD_EVENT_FRESH, 5, 1);
    assert_verdict(VALID, tokens[2]);
}

static void behind__until_the_lease_ends(void **state)
{
    (void)state;
    fake_grant(fake, SHORT_LEASE_MS, 60000, 120000);
    open_verifier((jwkd_verifier_options){0});
    fall_behind();
    journal_await(&journal, JWKD_EVENT_STALE, 3, 1); /* heartbeats come, and list what is not held */
    assert_verdict(KEYS_TOO_OLD, tokens[0]);
    fake_hold_snapshots(fake, false);
    await_verdict(JWKD_VERDICT_VALID, tokens[2]);
}

struct waiter {
    pthread_t thread;
    const char *token;
    jwkd_verdict verdict;
};

static void *wait_for_verdict(void *argument)
{
    struct waiter *waiter = argument;
    waiter->verdict = judge(waiter->token);
    return NULL;
}

static void behind__an_unknown_kid_waits_for_the_one_snapshot(void **state)
{
    (void)state;
    enum { WAITERS = 8 };
    struct waiter waiters[WAITERS];
    open_verifier((jwkd_verifier_options){.unknown_kid_wait_ms = NEVER_MS});
    fall_behind();
    for (size_t i = 0; i < WAITERS; i++) {
        waiters[i].token = tokens[2];
        assert_int_equal(pthread_create(&waiters[i].thread, NULL, wait_for_verdict, &waiters[i]), 0);
    }
    fake_await(fake, OP(GET_JWKS), 2);
    assert_verdict(VALID, tokens[0]); /* a token of a known key does not wait */
    fake_hold_snapshots(fake, false);
    for (size_t i = 0; i < WAITERS; i++) {
        pthread_join(waiters[i].thread, NULL);
        assert_int_equal(waiters[i].verdict, JWKD_VERDICT_VALID);
    }
    assert_int_equal(fake_count(fake, OP(GET_JWKS)), 2);
}

static void behind__an_unknown_kid_is_unknown_by_the_snapshot(void **state)
{
    (void)state;
    struct waiter waiter = {.token = NULL};
    fake_create_environment(fake, "other", false);
    char *foreign = fake_token(fake, "other", fake_generate(fake, "other"), NULL);
    open_verifier((jwkd_verifier_options){.unknown_kid_wait_ms = NEVER_MS});
    fall_behind();
    waiter.token = foreign;
    assert_int_equal(pthread_create(&waiter.thread, NULL, wait_for_verdict, &waiter), 0);
    fake_await(fake, OP(GET_JWKS), 2);
    fake_hold_snapshots(fake, false);
    pthread_join(waiter.thread, NULL);
    assert_int_equal(waiter.verdict, JWKD_VERDICT_UNKNOWN_KEY);
    free(foreign);
}

static void behind__an_unknown_kid_does_not_wait_for_ever(void **state)
{
    (void)state;
    open_verifier((jwkd_verifier_options){.unknown_kid_wait_ms = 1});
    fall_behind();
    assert_verdict(KEYS_TOO_OLD, tokens[2]);
    fake_hold_snapshots(fake, false);
    await_verdict(JWKD_VERDICT_VALID, tokens[2]);
}

static void behind__nobody_waits_for_a_snapshot_that_cannot_come(void **state)
{
    (void)state;
    open_verifier((jwkd_verifier_options){.unknown_kid_wait_ms = NEVER_MS});
    fall_behind();
    fake_down(fake);
    journal_await(&journal, JWKD_EVENT_DISCONNECTED, 0, 1);
    assert_verdict(KEYS_TOO_OLD, tokens[2]);
    assert_verdict(VALID, tokens[0]);
    fake_hold_snapshots(fake, false);
    fake_up(fake);
    await_verdict(JWKD_VERDICT_VALID, tokens[2]);
}

static void behind__one_request_in_flight_whatever_is_asked(void **state)
{
    (void)state;
    jwkd_verifier *others[4];
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(jwkd_verifier_open(client, ENV, NULL, &others[i], NULL), JWKD_OK);
    open_verifier((jwkd_verifier_options){.unknown_kid_wait_ms = 1});
    unsigned asked = fake_count(fake, OP(GET_JWKS));
    fall_behind();
    fake_await(fake, OP(GET_JWKS), asked + 1);
    for (int i = 0; i < 100; i++)
        (void)judge(tokens[2]);
    fake_hold_snapshots(fake, false);
    fake_await_confirmed(fake, ENV, 5);
    assert_int_equal(fake_count(fake, OP(GET_JWKS)), asked + 1); /* one for all five verifiers */
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(
            jwkd_verify(others[i], tokens[2], strlen(tokens[2]), NULL, NULL, NULL), JWKD_VERDICT_VALID);
        jwkd_verifier_close(others[i]);
    }
}

static void open__refuses_a_lease_that_one_late_heartbeat_ends(void **state)
{
    (void)state;
    static const uint32_t SHORT[] = {1, 100, 999};
    jwkd_error error = {0};
    jwkd_verifier *none = NULL;
    for (size_t i = 0; i < sizeof SHORT / sizeof *SHORT; i++) {
        const jwkd_verifier_options options = {.lease_ms = SHORT[i]};
        assert_int_equal(jwkd_verifier_open(client, ENV, &options, &none, &error), JWKD_INVALID_ARGUMENT);
        assert_non_null(strstr(error.message, "1000"));
    }
    assert_null(none);
    open_verifier((jwkd_verifier_options){.lease_ms = 1000});
    assert_int_equal(freshness().lease_ms, 1000);
}

static void open__refuses_a_lease_that_no_service_grants(void **state)
{
    (void)state;
    static const uint32_t LONG[] = {600001, 3600 * 1000, UINT32_MAX};
    jwkd_verifier *none = NULL;
    for (size_t i = 0; i < sizeof LONG / sizeof *LONG; i++) {
        const jwkd_verifier_options options = {.lease_ms = LONG[i]};
        jwkd_error error = {0};
        assert_int_equal(jwkd_verifier_open(client, ENV, &options, &none, &error), JWKD_INVALID_ARGUMENT);
        assert_non_null(strstr(error.message, "at most 600000"));
    }
    assert_null(none);
    open_verifier((jwkd_verifier_options){.lease_ms = 600000});
    assert_int_equal(freshness().lease_ms, 30000); /* the service's */
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        CASE(open__refuses_a_lease_that_one_late_heartbeat_ends),
        CASE(open__refuses_a_lease_that_no_service_grants),
        CASE(register__by_hello_with_what_the_program_wishes),
        CASE(register__tells_since_when_the_keys_are_held),
        CASE(register__another_verifier_changes_the_wish_not_the_registration),
        CASE(register__refuses_a_service_that_cannot),
        CASE(register__insists_on_a_heartbeat),
        CASE(register__ends_when_nobody_follows),
        CASE(renew__goes_on),
        CASE(renew__unanswered_ends_the_registration),
        CASE(confirm__every_revision_by_event),
        CASE(confirm__many_revisions_together),
        CASE(register__begins_again_when_it_was_forgotten),
        CASE(register__begins_again_when_an_old_service_forgot_it),
        CASE(register__forgotten_is_told_from_a_deleted_environment),
        CASE(register__forgotten_by_an_old_service_is_not_taken_for_a_deleted_environment),
        CASE(register__begins_again_with_another_boot),
        CASE(register__begins_again_after_a_restart),
        CASE(stale__when_heartbeats_stop),
        CASE(stale__when_cut_off),
        CASE(stale__serving_says_how_old),
        CASE(stale__in_the_background_until_vouched_for),
        CASE(stale__is_no_state_of_a_plain_jwks),
        CASE(behind__known_keys_are_judged),
        CASE(behind__until_the_lease_ends),
        CASE(behind__an_unknown_kid_waits_for_the_one_snapshot),
        CASE(behind__an_unknown_kid_is_unknown_by_the_snapshot),
        CASE(behind__an_unknown_kid_does_not_wait_for_ever),
        CASE(behind__nobody_waits_for_a_snapshot_that_cannot_come),
        CASE(behind__one_request_in_flight_whatever_is_asked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
