/* The verifying cache: always right, and what it does when it cannot know. */
#include "client/cases.h"

#include <jwkd.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "client/fake_service.h"
#include "client/journal.h"
#include "jose/base64url.h"
#include "jose/jwt.h"
#include "lib/judge/keys.h"

#define OP(name) JWKD__V1__REQUEST__OPERATION_##name
#define ENV "shop"

static struct fake *fake;
static jwkd_client *client;
static jwkd_verifier *verifier;
static struct journal journal;
static char *tokens[4]; /* by the keys 0 and 1, the later ones as a test needs them */

static jwkd_verdict judge(const char *token)
{
    return jwkd_verify(verifier, token, strlen(token), NULL, NULL, NULL);
}

#define assert_verdict(expected, token) \
    assert_string_equal(jwkd_verdict_name(JWKD_VERDICT_##expected), jwkd_verdict_name(judge(token)))

static void make_token(unsigned key)
{
    tokens[key] = fake_token(fake, ENV, key, NULL);
}

static void open_verifier(bool background)
{
    const jwkd_client_options options = {.timeout_ms = 60000, .background = background};
    const jwkd_verifier_options listening = {.on_event = journal_write, .context = &journal};
    assert_int_equal(jwkd_open(fake_url(fake), &options, &client, NULL), JWKD_OK);
    assert_int_equal(jwkd_verifier_open(client, ENV, &listening, &verifier, NULL), JWKD_OK);
}

static int set_up_fake(void **state)
{
    (void)state;
    fake = fake_start();
    fake_create_environment(fake, ENV, false);
    fake_generate(fake, ENV);
    fake_generate(fake, ENV);
    make_token(0);
    make_token(1);
    journal_init(&journal);
    return 0;
}

/* At revision 3: created, two keys. */
static int set_up(void **state)
{
    set_up_fake(state);
    open_verifier(false);
    journal_await(&journal, JWKD_EVENT_FRESH, 3, 1);
    fake_await_subscriber(fake);
    fake_await_confirmed(fake, ENV, 3);
    fake_beat(fake, false); /* a test sends those that it needs */
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    fake_hush(fake);
    jwkd_verifier_close(verifier);
    jwkd_close(client);
    fake_stop(fake);
    verifier = NULL;
    client = NULL;
    for (size_t i = 0; i < sizeof tokens / sizeof *tokens; i++) {
        free(tokens[i]);
        tokens[i] = NULL;
    }
    return 0;
}

/* ---- judging */

static void verify__hands_out_the_claims(void **state)
{
    (void)state;
    jwkd_token *token = jwkd_token_new();
    int64_t number = 0;
    assert_int_equal(
        jwkd_verify(verifier, tokens[0], strlen(tokens[0]), NULL, token, NULL), JWKD_VERDICT_VALID);
    jwkd_bytes subject = jwkd_token_string(token, "sub"), kid = jwkd_token_kid(token);
    assert_int_equal(subject.size, strlen("somebody"));
    assert_memory_equal(subject.data, "somebody", subject.size);
    assert_memory_equal(kid.data, fake_kid(fake, ENV, 0), kid.size);
    assert_true(jwkd_token_integer(token, "exp", &number) && number > 0);
    assert_false(jwkd_token_integer(token, "sub", &number));
    assert_int_equal(jwkd_token_string(token, "absent").size, 0);
    assert_int_equal(jwkd_token_json(token, "exp").size, 10);
    assert_memory_equal(jwkd_token_claims(token).data, "{\"iss\"", 6);
    assert_memory_equal(jwkd_token_header(token).data, "{\"alg\"", 6);
    char *broken = strdup(tokens[0]);
    char *within_signature = strrchr(broken, '.') + 9;
    *within_signature = *within_signature == 'A' ? 'B' : 'A';
    assert_int_equal(
        jwkd_verify(verifier, broken, strlen(broken), NULL, token, NULL), JWKD_VERDICT_BAD_SIGNATURE);
    assert_int_equal(jwkd_token_claims(token).size, 0); /* of a valid token only */
    assert_null(jwkd_token_string(token, "sub").data);
    assert_int_equal(jwkd_inspect(broken, strlen(broken), token, NULL), JWKD_OK);
    assert_int_equal(jwkd_token_string(token, "sub").size, strlen("somebody"));
    /* Of a payload that is no claims set, {"alg":"none"}.["sub"]. without a signature. */
    static const char RAW[] = "eyJhbGciOiJub25lIn0.WyJzdWIiXQ.";
    assert_int_equal(
        jwkd_verify(verifier, RAW, strlen(RAW), NULL, token, NULL), JWKD_VERDICT_ALGORITHM_NOT_ALLOWED);
    assert_int_equal(jwkd_token_header(token).size, 0);
    assert_int_equal(jwkd_inspect(RAW, strlen(RAW), token, NULL), JWKD_OK);
    assert_int_equal(jwkd_token_header(token).size, strlen("{\"alg\":\"none\"}"));
    assert_memory_equal(jwkd_token_claims(token).data, "[\"sub\"]", 7);
    assert_int_equal(jwkd_token_json(token, "sub").size, 0);
    free(broken);
    jwkd_token_free(token);
}

/* {"alg":"none"}.{"dec":42.0,"exp":4.2e1,"frac":42.9,"tiny":1e-5,"k":1e3,"big":12345678901234567890,
 * "id":1234567890123456789,"text":"42","empty":""}. */
static const char NUMBERS[] =
    "eyJhbGciOiJub25lIn0.eyJkZWMiOjQyLjAsImV4cCI6NC4yZTEsImZyYWMiOjQyLjksInRpbnkiOjFlLTUsImsiOjFlMywiYmlnIjox"
    "MjM0NTY3ODkwMTIzNDU2Nzg5MCwiaWQiOjEyMzQ1Njc4OTAxMjM0NTY3ODksInRleHQiOiI0MiIsImVtcHR5IjoiIn0.";

static void token__knows_whole_numbers_in_any_spelling(void **state)
{
    (void)state;
    static const struct {
        const char *claim;
        int64_t value;
    } WHOLE[] = {{"dec", 42}, {"exp", 42}, {"k", 1000}, {"id", INT64_C(1234567890123456789)}};
    static const char *const OTHERS[] = {"frac", "tiny", "big", "text", "empty", "absent"};
    jwkd_token *token = jwkd_token_new();
    assert_int_equal(jwkd_inspect(NUMBERS, strlen(NUMBERS), token, NULL), JWKD_OK);
    for (size_t i = 0; i < sizeof WHOLE / sizeof *WHOLE; i++) {
        int64_t number = 0;
        assert_true(jwkd_token_integer(token, WHOLE[i].claim, &number));
        assert_int_equal(number, WHOLE[i].value);
    }
    for (size_t i = 0; i < sizeof OTHERS / sizeof *OTHERS; i++) {
        int64_t number = 77;
        assert_false(jwkd_token_integer(token, OTHERS[i], &number));
        assert_int_equal(number, 77);
    }
    jwkd_token_free(token);
}

/* Nothing that was signed is lost: neither a number's spelling, nor that a text is there and empty. */
static void token__hands_out_claims_as_they_were_signed(void **state)
{
    (void)state;
    jwkd_token *token = jwkd_token_new();
    assert_false(jwkd_token_has_claims(token));
    assert_int_equal(jwkd_inspect(NUMBERS, strlen(NUMBERS), token, NULL), JWKD_OK);
    assert_true(jwkd_token_has_claims(token));
    jwkd_bytes big = jwkd_token_json(token, "big"), empty = jwkd_token_string(token, "empty");
    assert_int_equal(big.size, strlen("12345678901234567890"));
    assert_memory_equal(big.data, "12345678901234567890", big.size);
    assert_non_null(empty.data);
    assert_int_equal(empty.size, 0);
    assert_null(jwkd_token_string(token, "big").data);
    /* {"alg":"none"}.["sub"]. and {"alg":"none"}.{"a":1,"a":2}. */
    static const char *const NONE[] = {
        "eyJhbGciOiJub25lIn0.WyJzdWIiXQ.", "eyJhbGciOiJub25lIn0.eyJhIjoxLCJhIjoyfQ."};
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(jwkd_inspect(NONE[i], strlen(NONE[i]), token, NULL), JWKD_OK);
        assert_false(jwkd_token_has_claims(token));
    }
    jwkd_token_free(token);
}

static void verify__expects_what_the_environment_says(void **state)
{
    (void)state;
    char *foreign = fake_token(fake, ENV, 0, "{\"iss\":\"https://other.example\",\"exp\":9999999999}");
    assert_verdict(WRONG_ISSUER, foreign);
    jwkd_expectation expected = {.issuer = "https://other.example"};
    assert_int_equal(
        jwkd_verify(verifier, foreign, strlen(foreign), &expected, NULL, NULL), JWKD_VERDICT_VALID);
    const char *audiences[] = {"billing"};
    expected.audiences = audiences;
    expected.audience_count = 1;
    assert_int_equal(
        jwkd_verify(verifier, foreign, strlen(foreign), &expected, NULL, NULL), JWKD_VERDICT_MISSING_CLAIM);
    expected = (jwkd_expectation){.issuer = "https://other.example", .now = 9999999999};
    assert_int_equal(
        jwkd_verify(verifier, foreign, strlen(foreign), &expected, NULL, NULL), JWKD_VERDICT_EXPIRED);
    expected.signature_only = true;
    assert_int_equal(
        jwkd_verify(verifier, foreign, strlen(foreign), &expected, NULL, NULL), JWKD_VERDICT_VALID);
    jwkd_error error = {0};
    expected.audience_count = LIMIT_AUDIENCES + 1;
    assert_int_equal(
        jwkd_verify(verifier, foreign, strlen(foreign), &expected, NULL, &error), JWKD_VERDICT_NONE);
    assert_int_equal(error.status, JWKD_INVALID_ARGUMENT);
    fake_set_issuer(fake, ENV, "https://other.example");
    journal_await(&journal, JWKD_EVENT_ENVIRONMENT_UPDATED, 4, 1);
    assert_verdict(VALID, foreign);
    assert_verdict(WRONG_ISSUER, tokens[0]);
    free(foreign);
}

static void (*_Atomic meanwhile)(void);

static void deactivate_meanwhile(void)
{
    fake_deactivate(fake, ENV, 0);
    journal_await(&journal, JWKD_EVENT_KEY_DEACTIVATED, 4, 1);
}

static void grow_stale_meanwhile(void)
{
    fake_beat(fake, false);
    journal_await(&journal, JWKD_EVENT_STALE, 3, 1);
}

/* The linker puts this in the place of jwt_verify(): something happens after the signature was found good. */
jwkd_verdict __real_jwt_verify(const struct keyset *keyset, struct bytes token,
    const struct jwt_expectation *expected, struct jwt *out, jwkd_error *error);
jwkd_verdict __wrap_jwt_verify(const struct keyset *keyset, struct bytes token,
    const struct jwt_expectation *expected, struct jwt *out, jwkd_error *error);
jwkd_verdict __wrap_jwt_verify(const struct keyset *keyset, struct bytes token,
    const struct jwt_expectation *expected, struct jwt *out, jwkd_error *error)
{
    jwkd_verdict verdict = __real_jwt_verify(keyset, token, expected, out, error);
    void (*hook)(void) = atomic_exchange(&meanwhile, NULL);
    if (hook) hook();
    return verdict;
}

static void verify__reads_the_keys_state_last(void **state)
{
    (void)state;
    jwkd_token *token = jwkd_token_new();
    meanwhile = deactivate_meanwhile;
    assert_int_equal(
        jwkd_verify(verifier, tokens[0], strlen(tokens[0]), NULL, token, NULL), JWKD_VERDICT_KEY_DEACTIVATED);
    assert_int_equal(jwkd_token_claims(token).size, 0);
    jwkd_token_free(token);
    assert_verdict(VALID, tokens[1]);
}

static void verify__reads_the_freshness_last(void **state)
{
    set_up_fake(state);
    fake_grant(fake, 300, 60000, 120000);
    open_verifier(false);
    meanwhile = grow_stale_meanwhile;
    assert_verdict(KEYS_TOO_OLD, tokens[0]);
}

/* ---- following */

static jwkd_verdict inside;

static void judge_inside(void *token, const jwkd_event *event)
{
    if (event->kind == JWKD_EVENT_KEY_DEACTIVATED) inside = judge(token);
}

static void follow__deactivation_counts_before_it_is_told(void **state)
{
    (void)state;
    journal.then = judge_inside;
    journal.context = tokens[0];
    assert_verdict(VALID, tokens[0]);
    fake_deactivate(fake, ENV, 0);
    size_t row = journal_await(&journal, JWKD_EVENT_KEY_DEACTIVATED, 4, 1);
    assert_int_equal(inside, JWKD_VERDICT_KEY_DEACTIVATED);
    assert_string_equal(journal.rows[row].kid, fake_kid(fake, ENV, 0));
    assert_int_equal(journal.rows[row].previous_revision, 3);
    assert_verdict(KEY_DEACTIVATED, tokens[0]);
    assert_verdict(VALID, tokens[1]);
    assert_int_equal(jwkd_verifier_revision(verifier), 4);
    assert_int_equal(fake_count(fake, OP(GET_JWKS)), 1); /* the event sufficed */
}

static void follow__new_keys_by_event(void **state)
{
    (void)state;
    unsigned key = fake_generate(fake, ENV);
    make_token(key);
    journal_await(&journal, JWKD_EVENT_KEY_PUBLISHED, 4, 1);
    assert_verdict(VALID, tokens[key]);
    assert_int_equal(fake_count(fake, OP(GET_JWKS)), 1);
}

static void follow__a_change_that_tokens_are_not_judged_by(void **state)
{
    (void)state;
    fake_change_key(fake, ENV, 0);
    journal_await(&journal, JWKD_EVENT_KEY_CHANGED, 4, 1);
    assert_verdict(VALID, tokens[0]);
    fake_await_confirmed(fake, ENV, 4);
    assert_int_equal(fake_count(fake, OP(GET_JWKS)), 1);
}

static void follow__a_gap_takes_a_snapshot(void **state)
{
    (void)state;
    fake_mute(fake, true);
    fake_deactivate(fake, ENV, 0); /* 4: its event is not sent */
    fake_mute(fake, false);
    unsigned key = fake_generate(fake, ENV); /* 5 */
    make_token(key);
    journal_await(&journal, JWKD_EVENT_SYNCHRONISED, 5, 1);
    assert_verdict(KEY_DEACTIVATED, tokens[0]);
    assert_verdict(VALID, tokens[key]);
    assert_int_equal(fake_count(fake, OP(GET_JWKS)), 2);
}

static void follow__a_heartbeat_shows_what_was_missed(void **state)
{
    (void)state;
    fake_heartbeat(fake); /* nothing new in it */
    fake_mute(fake, true);
    fake_deactivate(fake, ENV, 0);
    fake_mute(fake, false);
    fake_heartbeat(fake);
    journal_await(&journal, JWKD_EVENT_SYNCHRONISED, 4, 1);
    assert_verdict(KEY_DEACTIVATED, tokens[0]);
    assert_int_equal(fake_count(fake, OP(GET_JWKS)), 2);
}

static void follow__old_events_change_nothing(void **state)
{
    (void)state;
    fake_deactivate(fake, ENV, 0);   /* 4 */
    fake_repeat_event(fake, ENV, 2); /* key 0 is published: long ago */
    fake_repeat_event(fake, ENV, 4);
    unsigned key = fake_generate(fake, ENV); /* 5: arrives behind them */
    journal_await(&journal, JWKD_EVENT_KEY_PUBLISHED, 5, 1);
    assert_int_equal(key, 2);
    assert_verdict(KEY_DEACTIVATED, tokens[0]);
    assert_int_equal(journal_count(&journal, JWKD_EVENT_KEY_DEACTIVATED), 1);
    assert_int_equal(fake_count(fake, OP(GET_JWKS)), 1);
}

static void follow__nonsense_changes_nothing(void **state)
{
    (void)state;
    static const char TOPIC[] = ENV;
    struct bytes topic = bytes_of(TOPIC, sizeof TOPIC);
    fake_publish(fake, topic, bytes_of_text("\xff\xff\xff no event"));
    fake_publish(fake, topic, bytes_of_text(""));
    fake_publish(fake, WIRE_HEARTBEAT_TOPIC, bytes_of_text("\xff\xff\xff no heartbeat"));
    fake_create_environment(fake, "other", false); /* its event says nothing of ours */
    fake_generate(fake, ENV);
    journal_await(&journal, JWKD_EVENT_KEY_PUBLISHED, 4, 1);
    assert_verdict(VALID, tokens[0]);
    assert_int_equal(fake_count(fake, OP(GET_JWKS)), 1);
}

static void follow__another_boot_takes_a_snapshot(void **state)
{
    (void)state;
    fake_change_boot(fake);
    fake_heartbeat(fake);
    fake_await(fake, OP(GET_JWKS), 2);
    assert_verdict(VALID, tokens[0]);
}

static void follow__another_epoch_is_another_state(void **state)
{
    (void)state;
    /* A backup is restored: the revision number goes on from the same place, but means something else. */
    fake_mute(fake, true);
    fake_deactivate(fake, ENV, 1); /* 4 */
    fake_mute(fake, false);
    fake_change_epoch(fake);
    fake_heartbeat(fake);
    journal_await(&journal, JWKD_EVENT_SYNCHRONISED, 4, 1);
    fake_change_epoch(fake);
    fake_deactivate(fake, ENV, 0); /* 5 follows 4, of another epoch */
    journal_await(&journal, JWKD_EVENT_SYNCHRONISED, 5, 1);
    assert_verdict(KEY_DEACTIVATED, tokens[0]);
}

static void follow__a_restart_is_caught_up_with(void **state)
{
    (void)state;
    fake_down(fake);
    journal_await(&journal, JWKD_EVENT_DISCONNECTED, 0, 1);
    assert_verdict(VALID, tokens[0]); /* the keys held go on being used */
    fake_deactivate(fake, ENV, 0);
    fake_up(fake);
    journal_await(&journal, JWKD_EVENT_CONNECTED, 0, 2);
    journal_await(&journal, JWKD_EVENT_SYNCHRONISED, 4, 1);
    assert_verdict(KEY_DEACTIVATED, tokens[0]);
    fake_await_subscriber(fake);
    unsigned key = fake_generate(fake, ENV);
    make_token(key);
    journal_await(&journal, JWKD_EVENT_KEY_PUBLISHED, 5, 1);
    assert_verdict(VALID, tokens[key]);
}

static void follow__what_comes_during_a_snapshot_is_not_lost(void **state)
{
    (void)state;
    fake_hold_snapshots(fake, true);
    fake_mute(fake, true);
    fake_generate(fake, ENV); /* 4, missed */
    fake_mute(fake, false);
    fake_generate(fake, ENV); /* 5 shows the gap; the snapshot is asked for */
    fake_await(fake, OP(GET_JWKS), 2);
    fake_deactivate(fake, ENV, 0); /* 6 */
    fake_hold_snapshots(fake, false);
    journal_await(&journal, JWKD_EVENT_SYNCHRONISED, 6, 1);
    assert_verdict(KEY_DEACTIVATED, tokens[0]);
}

static void follow__a_deleted_environment_has_no_keys(void **state)
{
    (void)state;
    fake_deactivate(fake, ENV, 0);
    fake_delete_environment(fake, ENV);
    journal_await(&journal, JWKD_EVENT_ENVIRONMENT_DELETED, 5, 1);
    assert_verdict(UNKNOWN_KEY, tokens[1]);
    assert_verdict(KEY_DEACTIVATED, tokens[0]);
    fake_create_environment(fake, ENV, false); /* the name again, another environment */
    journal_await(&journal, JWKD_EVENT_SYNCHRONISED, 1, 1);
    unsigned key = fake_generate(fake, ENV);
    char *token = fake_token(fake, ENV, key, NULL);
    while (jwkd_verifier_revision(verifier) != 2)
        sched_yield(); /* by event, or by the unknown kid's snapshot */
    assert_verdict(VALID, token);
    assert_verdict(UNKNOWN_KEY, tokens[1]);
    free(token);
}

static void follow__a_deletion_that_was_missed(void **state)
{
    (void)state;
    fake_mute(fake, true);
    fake_delete_environment(fake, ENV);
    fake_mute(fake, false);
    fake_heartbeat(fake);
    journal_await(&journal, JWKD_EVENT_ENVIRONMENT_DELETED, 0, 1);
    assert_verdict(UNKNOWN_KEY, tokens[0]);
}

/* ---- unknown kids */

static char *random_kid_token(unsigned number)
{
    char header[96], claims[64], *token = malloc(512);
    char signature[87] = {0};
    memset(signature, 'A', sizeof signature - 1);
    snprintf(header, sizeof header, "{\"alg\":\"ES256\",\"kid\":\"nobody-%u\"}", number);
    snprintf(claims, sizeof claims, "{\"exp\":9999999999}");
    struct buffer text = {0};
    assert_int_equal(base64url_append(bytes_of_text(header), &text), JWKD_OK);
    assert_int_equal(buffer_append(&text, ".", 1), JWKD_OK);
    assert_int_equal(base64url_append(bytes_of_text(claims), &text), JWKD_OK);
    snprintf(token, 512, "%.*s.%s", (int)text.size, (const char *)text.data, signature);
    buffer_clear(&text);
    return token;
}

enum { STRANGERS = 4000 };

static void *ask_for_strangers(void *first)
{
    for (unsigned i = 0; i < STRANGERS; i++) {
        char *token = random_kid_token((unsigned)(uintptr_t)first + i);
        if (judge(token) != JWKD_VERDICT_UNKNOWN_KEY) return token;
        free(token);
    }
    return NULL;
}

static void unknown_kid__asks_nobody_while_fresh(void **state)
{
    (void)state;
    pthread_t threads[8];
    for (uintptr_t i = 0; i < 8; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, ask_for_strangers, (void *)(i * STRANGERS)), 0);
    for (size_t i = 0; i < 8; i++) {
        void *wrong;
        pthread_join(threads[i], &wrong);
        assert_null(wrong);
    }
    fake_generate(fake, ENV); /* anything asked for before this would have been counted */
    fake_await_confirmed(fake, ENV, 4);
    assert_int_equal(fake_count(fake, OP(GET_JWKS)), 1);
}

static void unknown_kid__of_a_key_that_was_missed(void **state)
{
    (void)state;
    fake_mute(fake, true);
    unsigned key = fake_generate(fake, ENV);
    make_token(key);
    assert_verdict(UNKNOWN_KEY, tokens[key]); /* fresh: the service does not let the key sign yet */
    fake_mute(fake, false);
    fake_heartbeat(fake);
    journal_await(&journal, JWKD_EVENT_SYNCHRONISED, 4, 1);
    assert_verdict(VALID, tokens[key]);
}

/* ---- opening */

static void open__without_the_environment(void **state)
{
    (void)state;
    jwkd_verifier *other = NULL;
    assert_int_equal(jwkd_verifier_open(client, "nowhere", NULL, &other, NULL), JWKD_NOT_FOUND);
    assert_null(other);
    assert_verdict(VALID, tokens[0]);
}

static void open__does_not_follow_to_another_place(void **state)
{
    (void)state;
    jwkd_client *elsewhere = NULL;
    jwkd_verifier *other = NULL;
    jwkd_error error = {0};
    fake_offer(fake, "ipc:///somewhere/else/events.sock");
    const jwkd_client_options options = {.timeout_ms = 60000};
    assert_int_equal(jwkd_open(fake_url(fake), &options, &elsewhere, NULL), JWKD_OK);
    assert_int_equal(jwkd_verifier_open(elsewhere, ENV, NULL, &other, &error), JWKD_DENIED);
    assert_int_equal(error.status, JWKD_DENIED);
    jwkd_close(elsewhere);
}

static void open__tells_who_may_not_hear_events(void **state)
{
    (void)state;
    jwkd_client *elsewhere = NULL;
    jwkd_verifier *other = NULL;
    jwkd_error error = {0};
    fake_offer_nothing(fake, "account:shop");
    const jwkd_client_options options = {.timeout_ms = 60000};
    assert_int_equal(jwkd_open(fake_url(fake), &options, &elsewhere, NULL), JWKD_OK);
    uint64_t start_ns = clock_elapsed_ns();
    assert_int_equal(jwkd_verifier_open(elsewhere, ENV, NULL, &other, &error), JWKD_DENIED);
    assert_true(clock_elapsed_ns() - start_ns < 10 * NS_PER_SEC);
    assert_string_equal(error.message,
        "this caller may not hear events of every environment; following one environment by long poll comes "
        "with the next version. Verify by the service meanwhile (jwkd_verify_remotely)");
    fake_offer_nothing(fake, ""); /* an older service without an event socket knows nothing of rights */
    jwkd_close(elsewhere);
    assert_int_equal(jwkd_open(fake_url(fake), &options, &elsewhere, NULL), JWKD_OK);
    assert_int_equal(jwkd_verifier_open(elsewhere, ENV, NULL, &other, &error), JWKD_DENIED);
    assert_non_null(strstr(error.message, "offers no event socket"));
    jwkd_close(elsewhere);
}

/* Of a client in the background, the verdicts tell; and a grant is noticed. */
static void open__in_the_background_may_not_hear_events(void **state)
{
    (void)state;
    jwkd_error error = {0};
    fake_offer_nothing(fake, "account:shop");
    open_verifier(true);
    uint64_t until_ns = clock_elapsed_ns() + 60 * NS_PER_SEC;
    while (!strstr(error.message, "yet: this caller may not hear events") && clock_elapsed_ns() < until_ns)
        assert_int_equal(jwkd_verify(verifier, tokens[0], strlen(tokens[0]), NULL, NULL, &error),
            JWKD_VERDICT_KEYS_TOO_OLD);
    assert_non_null(strstr(error.message, "yet: this caller may not hear events"));
    fake_offer_something(fake);
    journal_await(&journal, JWKD_EVENT_FRESH, 3, 1);
    assert_verdict(VALID, tokens[0]);
}

static void open__insists_on_the_event_stream(void **state)
{
    (void)state;
    char nothing[128];
    jwkd_client *elsewhere = NULL;
    jwkd_verifier *other = NULL;
    snprintf(nothing, sizeof nothing, "ipc://%s/nothing.sock", fake_directory(fake));
    fake_offer(fake, nothing);
    const jwkd_client_options options = {.timeout_ms = 150};
    assert_int_equal(jwkd_open(fake_url(fake), &options, &elsewhere, NULL), JWKD_OK);
    assert_int_equal(jwkd_verifier_open(elsewhere, ENV, NULL, &other, NULL), JWKD_UNREACHABLE);
    assert_null(other);
    jwkd_close(elsewhere);
}

static void open__in_the_background(void **state)
{
    (void)state;
    fake_down(fake);
    open_verifier(true);
    assert_verdict(KEYS_TOO_OLD, tokens[0]);
    assert_int_equal(jwkd_verifier_revision(verifier), 0);
    fake_up(fake);
    journal_await(&journal, JWKD_EVENT_FRESH, 3, 1);
    assert_verdict(VALID, tokens[0]);
}

static void open__many_on_one_client(void **state)
{
    (void)state;
    enum { COUNT = 8 };
    jwkd_verifier *more[COUNT];
    for (size_t i = 0; i < COUNT; i++)
        assert_int_equal(jwkd_verifier_open(client, ENV, NULL, &more[i], NULL), JWKD_OK);
    for (size_t i = 0; i < COUNT; i += 2)
        jwkd_verifier_close(more[i]); /* the topic is still wanted */
    fake_deactivate(fake, ENV, 0);
    journal_await(&journal, JWKD_EVENT_KEY_DEACTIVATED, 4, 1);
    for (size_t i = 1; i < COUNT; i += 2) {
        while (jwkd_verifier_revision(more[i]) < 4)
            sched_yield();
        assert_int_equal(jwkd_verify(more[i], tokens[0], strlen(tokens[0]), NULL, NULL, NULL),
            JWKD_VERDICT_KEY_DEACTIVATED);
        jwkd_verifier_close(more[i]);
    }
}

/* ---- keys that are shown once; plain JWKS */

/* The message about a token of an unknown key. */
static const char *unknown_because(const char *token)
{
    static jwkd_error error;
    jwkd_verdict verdict = jwkd_verify(verifier, token, strlen(token), NULL, NULL, &error);
    assert_int_equal(verdict, JWKD_VERDICT_UNKNOWN_KEY);
    return error.message;
}

static void pin__counts_while_the_service_lists_the_key(void **state)
{
    (void)state;
    fake_create_environment(fake, "quiet", true);
    unsigned key = fake_generate(fake, "quiet");
    char *token = fake_token(fake, "quiet", key, NULL), *foreign = tokens[0];
    const char *jwk = fake_jwk(fake, "quiet", key), *foreign_jwk = fake_jwk(fake, ENV, 0);
    jwkd_verifier *ours = verifier;
    struct journal heard;
    journal_init(&heard);
    const jwkd_verifier_options listening = {.on_event = journal_write, .context = &heard};
    assert_int_equal(jwkd_verifier_open(client, "quiet", &listening, &verifier, NULL), JWKD_OK);
    assert_verdict(UNKNOWN_KEY, token);
    assert_string_equal(
        unknown_because(token), "the environment showed this key once only, and nobody added it here");
    assert_string_equal(unknown_because(foreign), "no such key");
    assert_int_equal(jwkd_verifier_pin(verifier, (jwkd_bytes){jwk, strlen(jwk)}, NULL), JWKD_OK);
    assert_int_equal(
        jwkd_verifier_pin(verifier, (jwkd_bytes){foreign_jwk, strlen(foreign_jwk)}, NULL), JWKD_OK);
    assert_verdict(VALID, token);
    assert_verdict(UNKNOWN_KEY, foreign); /* pinned, but not the service's */
    fake_deactivate(fake, "quiet", key);
    journal_await(&heard, JWKD_EVENT_KEY_DEACTIVATED, 3, 1);
    assert_verdict(KEY_DEACTIVATED, token);
    assert_int_equal(jwkd_verifier_pin(verifier, (jwkd_bytes){jwk, strlen(jwk)}, NULL), JWKD_OK);
    assert_verdict(KEY_DEACTIVATED, token); /* pinning does not bring it back */
    jwkd_verifier_close(verifier);
    verifier = ours;
    free(token);
}

static void jwks__verifies_without_a_service(void **state)
{
    (void)state;
    char document[2048];
    int size = snprintf(document, sizeof document, "{\"keys\":[%s]}", fake_jwk(fake, ENV, 0));
    jwkd_verifier *ours = verifier;
    assert_int_equal(jwkd_verifier_from_jwks((jwkd_bytes){document, (size_t)size}, &verifier, NULL), JWKD_OK);
    assert_verdict(VALID, tokens[0]);
    assert_verdict(UNKNOWN_KEY, tokens[1]);
    const char *jwk = fake_jwk(fake, ENV, 1);
    assert_int_equal(jwkd_verifier_pin(verifier, (jwkd_bytes){jwk, strlen(jwk)}, NULL), JWKD_OK);
    assert_verdict(VALID, tokens[1]);
    assert_int_equal(jwkd_verifier_revision(verifier), 0);
    jwkd_verifier_close(verifier);
    assert_int_not_equal(jwkd_verifier_from_jwks((jwkd_bytes){"{}", 2}, &verifier, NULL), JWKD_OK);
    verifier = ours;
}

static size_t skipped_count;

static void see_skipped(void *context, const jwkd_skipped_key *key)
{
    static const jwkd_skipped_key EXPECTED[] = {{1, {"odd", 3}, "kty is not"}, {2, {NULL, 0}, "kid is not"}};
    assert_ptr_equal(context, &skipped_count);
    assert_in_range(skipped_count, 0, 1);
    const jwkd_skipped_key *expected = &EXPECTED[skipped_count++];
    assert_int_equal(key->index, expected->index);
    assert_int_equal(key->kid.size, expected->kid.size);
    if (key->kid.size) assert_memory_equal(key->kid.data, expected->kid.data, key->kid.size);
    assert_non_null(strstr(key->reason, expected->reason));
}

static void jwks__skips_what_is_no_use_and_says_so(void **state)
{
    (void)state;
    char document[4096];
    const char *jwk = fake_jwk(fake, ENV, 0);
    int size = snprintf(document, sizeof document,
        "{\"keys\":[%s,{\"kty\":\"oct\",\"kid\":\"odd\"},{\"kty\":\"EC\",\"crv\":\"P-256\",\"kid\":null},%s]"
        "}",
        jwk, jwk);
    const jwkd_bytes jwks = {document, (size_t)size};
    const char *const wanted[] = {"ES256", "PS256"}, *const others[] = {"PS256"}, *const none[] = {"HS256"};
    const jwkd_jwks_options options = {
        .algorithms = wanted, .algorithm_count = 2, .on_skipped = see_skipped, .context = &skipped_count};
    const jwkd_jwks_options narrow = {.algorithms = others, .algorithm_count = 1};
    const jwkd_jwks_options impossible = {.algorithms = none, .algorithm_count = 1};
    /* {"alg":"ES256","kid":"odd"} */
    static const char ODD[] = "eyJhbGciOiJFUzI1NiIsImtpZCI6Im9kZCJ9.e30.AA";
    jwkd_verifier *ours = verifier;
    assert_int_equal(jwkd_verifier_open_jwks(jwks, &options, &verifier, NULL), JWKD_OK);
    assert_int_equal(skipped_count, 2);
    assert_verdict(VALID, tokens[0]);
    assert_non_null(
        strstr(unknown_because(ODD), "key 2 of the set, which has this kid, cannot be used: kty"));
    assert_string_equal(unknown_because(tokens[1]), "no such key");
    jwkd_verifier_close(verifier);
    assert_int_equal(jwkd_verifier_open_jwks(jwks, &narrow, &verifier, NULL), JWKD_OK);
    assert_verdict(ALGORITHM_NOT_ALLOWED, tokens[0]);
    jwkd_verifier_close(verifier);
    assert_int_equal(jwkd_verifier_open_jwks(jwks, &impossible, &verifier, NULL), JWKD_INVALID_ARGUMENT);
    verifier = ours;
    char *pem = NULL;
    assert_int_equal(jwkd_jwks_to_pem(jwks, &pem, NULL), JWKD_OK);
    const char *key = strstr(pem, "-----BEGIN PUBLIC KEY-----");
    assert_non_null(key);
    assert_null(strstr(key + 1, "-----BEGIN PUBLIC KEY-----"));
    assert_non_null(strstr(pem, "\n# key 2 is skipped: kty"));
    assert_non_null(strstr(pem, "\n# key 3 is skipped: kid"));
    jwkd_free(pem);
}

/* The clock is stopped at half a second. */
static int64_t stopped_ns;
int64_t __real_clock_wall_ns(void);
int64_t __wrap_clock_wall_ns(void);
int64_t __wrap_clock_wall_ns(void)
{
    return stopped_ns ? stopped_ns : __real_clock_wall_ns();
}

static void times__are_judged_by_the_clock_to_its_fraction(void **state)
{
    (void)state;
    static const struct {
        const char *claims;
        jwkd_verdict verdict;
    } ROWS[] = {
        {"{\"exp\":1800000000.5}", JWKD_VERDICT_EXPIRED},
        {"{\"exp\":1800000000.75}", JWKD_VERDICT_VALID},
        {"{\"exp\":1800000001,\"nbf\":1800000000.5}", JWKD_VERDICT_VALID},
        {"{\"exp\":1800000001,\"nbf\":1800000000.75}", JWKD_VERDICT_NOT_YET_VALID},
    };
    char document[2048];
    int size = snprintf(document, sizeof document, "{\"keys\":[%s]}", fake_jwk(fake, ENV, 0));
    jwkd_verifier *ours = verifier;
    assert_int_equal(jwkd_verifier_from_jwks((jwkd_bytes){document, (size_t)size}, &verifier, NULL), JWKD_OK);
    stopped_ns = INT64_C(1800000000500000000);
    for (size_t i = 0; i < sizeof ROWS / sizeof *ROWS; i++) {
        char *token = fake_token(fake, ENV, 0, ROWS[i].claims);
        assert_int_equal(ROWS[i].verdict, judge(token));
        free(token);
    }
    stopped_ns = 0;
    jwkd_verifier_close(verifier);
    verifier = ours;
}

static void jwks__as_pem(void **state)
{
    (void)state;
    char *jwks = NULL, *pem = NULL, line[96];
    assert_int_equal(jwkd_get_jwks(client, ENV, &jwks, NULL), JWKD_OK);
    assert_int_equal(jwkd_jwks_to_pem((jwkd_bytes){jwks, strlen(jwks)}, &pem, NULL), JWKD_OK);
    snprintf(line, sizeof line, "# %s\n-----BEGIN PUBLIC KEY-----\n", fake_kid(fake, ENV, 0));
    assert_non_null(strstr(pem, line));
    jwkd_free(jwks);
    jwkd_free(pem);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        CASE(verify__hands_out_the_claims),
        cmocka_unit_test(token__knows_whole_numbers_in_any_spelling),
        cmocka_unit_test(token__hands_out_claims_as_they_were_signed),
        CASE(verify__expects_what_the_environment_says),
        CASE(verify__reads_the_keys_state_last),
        cmocka_unit_test_teardown(verify__reads_the_freshness_last, tear_down),
        CASE(follow__deactivation_counts_before_it_is_told),
        CASE(follow__new_keys_by_event),
        CASE(follow__a_change_that_tokens_are_not_judged_by),
        CASE(follow__a_gap_takes_a_snapshot),
        CASE(follow__a_heartbeat_shows_what_was_missed),
        CASE(follow__old_events_change_nothing),
        CASE(follow__nonsense_changes_nothing),
        CASE(follow__another_boot_takes_a_snapshot),
        CASE(follow__another_epoch_is_another_state),
        CASE(follow__a_restart_is_caught_up_with),
        CASE(follow__what_comes_during_a_snapshot_is_not_lost),
        CASE(follow__a_deleted_environment_has_no_keys),
        CASE(follow__a_deletion_that_was_missed),
        CASE(unknown_kid__asks_nobody_while_fresh),
        CASE(unknown_kid__of_a_key_that_was_missed),
        CASE(open__without_the_environment),
        CASE(open__does_not_follow_to_another_place),
        CASE(open__tells_who_may_not_hear_events),
        cmocka_unit_test_setup_teardown(open__in_the_background_may_not_hear_events, set_up_fake, tear_down),
        CASE(open__insists_on_the_event_stream),
        cmocka_unit_test_setup_teardown(open__in_the_background, set_up_fake, tear_down),
        CASE(open__many_on_one_client),
        CASE(pin__counts_while_the_service_lists_the_key),
        CASE(jwks__verifies_without_a_service),
        CASE(jwks__skips_what_is_no_use_and_says_so),
        CASE(times__are_judged_by_the_clock_to_its_fraction),
        CASE(jwks__as_pem),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
