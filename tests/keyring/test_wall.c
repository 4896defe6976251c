/* The wall clock was ahead when a key signed, and was set right since. */
#include "keyring/clocks.h"

#include "base/clock.h"

enum { YEARS = 10 * 365 * 24 * 3600, LEEWAY = 30, DAY = 24 * 3600 };

static int setup(void **state)
{
    clocks_reset();
    return ring_setup(state);
}

/* Of the service's status; the strings lie in the reply. */
static const Jwkd__V1__StatusReply *read_status(struct ring *ring, struct reply *reply)
{
    uint8_t id[16];
    Jwkd__V1__StatusRequest status = JWKD__V1__STATUS_REQUEST__INIT;
    Jwkd__V1__Request request = ring_request(ring, id, JWKD__V1__REQUEST__OPERATION_STATUS);
    request.status = &status;
    reply_init(reply, &request);
    assert_int_equal(keyring_status(ring->keyring, &ANYBODY, &request, reply, NULL), JWKD_OK);
    return reply->message.service_status;
}

static int64_t refused_until(struct ring *ring)
{
    CLEANUP(reply_clear) struct reply reply;
    const Jwkd__V1__StatusReply *status = read_status(ring, &reply);
    assert_int_equal(status->signing_refused_until != 0, *status->signing_refused_because != '\0');
    return status->signing_refused_until;
}

static void assert_accepted(struct ring *ring, int64_t at, int64_t seen, const char *by)
{
    CLEANUP(reply_clear) struct reply reply;
    const Jwkd__V1__StatusReply *status = read_status(ring, &reply);
    assert_int_equal(status->clock_accepted_at, at);
    assert_int_equal(status->clock_accepted_seen, seen);
    assert_string_equal(status->clock_accepted_by, by);
}

/* Signing must be refused; the message must say until when, and how the operator can end that. */
static void assert_refused(struct ring *ring, const char *until)
{
    uint8_t id[16];
    Jwkd__V1__SignItem item = JWKD__V1__SIGN_ITEM__INIT, *items[] = {&item};
    Jwkd__V1__SignRequest sign = JWKD__V1__SIGN_REQUEST__INIT;
    Jwkd__V1__Request request = ring_request(ring, id, JWKD__V1__REQUEST__OPERATION_SIGN);
    item.claims = wire_bytes(bytes_of_text("{}"));
    sign.environment = wire_text("shop");
    sign.n_items = 1;
    sign.items = items;
    request.sign = &sign;
    CLEANUP(reply_clear) struct reply reply;
    jwkd_error error = {0};
    reply_init(&reply, &request);
    assert_int_equal(keyring_sign(ring->keyring, &SIGNING, &request, &reply, &error), JWKD_UNAVAILABLE);
    assert_non_null(strstr(error.message, until));
    assert_non_null(strstr(error.message, "--accept-clock"));
}

/* An environment with a key that signed one token while the clock was ten years ahead. The clock is right
 * again. */
static int64_t sign_ahead(struct ring *ring, char kid[LIMIT_KID + 1])
{
    ring_create(ring, "shop");
    ring_generate(ring, "shop", kid);
    clocks_set_wall(YEARS);
    int64_t seen = clock_wall_sec();
    assert_int_equal(ring_sign(ring, "shop"), JWKD_OK);
    clocks_set_wall(-YEARS);
    return seen;
}

static int64_t last_expiry(struct ring *ring, const char *kid)
{
    uint8_t id[16];
    Jwkd__V1__GetKeyRequest get = JWKD__V1__GET_KEY_REQUEST__INIT;
    Jwkd__V1__Request request = ring_request(ring, id, JWKD__V1__REQUEST__OPERATION_GET_KEY);
    get.environment = wire_text("shop");
    get.kid = wire_text(kid);
    request.get_key = &get;
    CLEANUP(reply_clear) struct reply reply;
    reply_init(&reply, &request);
    assert_int_equal(keyring_get_key(ring->keyring, &ANYBODY, &request, &reply, NULL), JWKD_OK);
    return reply.message.key->key->last_expiry;
}

static void accept_clock(struct ring *ring, const char *by)
{
    ring->accept_clock = true;
    ring->operator= by;
    ring_restart(ring);
    ring->accept_clock = false;
}

static void clock__that_was_ahead_is_said_to_stop_signing(void **state)
{
    struct ring *ring = *state;
    char kid[LIMIT_KID + 1];
    assert_int_equal(refused_until(ring), 0);
    int64_t seen = sign_ahead(ring, kid);
    assert_refused(
        ring, "2037-01-12T08:00:00Z"); /* ten years after that of clocks_reset(), less the leeway */
    AWAIT(ring_was_told(ring, "nothing is signed before 20"));
    assert_int_equal(refused_until(ring), seen - LEEWAY);
    ring_stop(ring);
    ring->told[0] = '\0';
    ring_start(ring);
    AWAIT(ring_was_told(ring, "nothing is signed before 20"));
    assert_int_equal(refused_until(ring), seen - LEEWAY);
    assert_int_equal(ring_sign(ring, "shop"), JWKD_UNAVAILABLE);
    clocks_set_wall(YEARS);
    clocks_look(ring);
    AWAIT(ring_was_told(ring, "right again"));
    assert_int_equal(refused_until(ring), 0);
    assert_int_equal(ring_sign(ring, "shop"), JWKD_OK);
}

static void clock__that_is_accepted_signs_again(void **state)
{
    struct ring *ring = *state;
    char kid[LIMIT_KID + 1];
    int64_t seen = sign_ahead(ring, kid);
    assert_accepted(ring, 0, 0, "");
    accept_clock(ring, "uid:7");
    assert_int_equal(refused_until(ring), 0);
    assert_int_equal(ring_sign(ring, "shop"), JWKD_OK);
    int64_t at = clock_wall_sec();
    assert_accepted(ring, at, seen, "uid:7");
    clocks_pass(60);
    ring_restart(ring); /* it is durable, and so is the operator's name */
    assert_int_equal(ring_sign(ring, "shop"), JWKD_OK);
    assert_accepted(ring, at, seen, "uid:7");
    assert_int_equal(memory_count(ring->memory, "clock/"), 1);
}

/* Both in one start: another commit follows the one that accepts. */
static void clock__is_accepted_beside_another_epoch(void **state)
{
    struct ring *ring = *state;
    char kid[LIMIT_KID + 1];
    sign_ahead(ring, kid);
    memory_go_back(ring->memory, true);
    accept_clock(ring, "uid:7");
    memory_go_back(ring->memory, false);
    assert_true(ring_was_told(ring, "a new epoch begins"));
    ring_restart(ring);
    assert_int_equal(ring_sign(ring, "shop"), JWKD_OK);
}

/* The service tells the operator so when it starts, and names the keys that may have long-lived tokens out
 * there. */
static void clock__is_accepted_with_words(void **state)
{
    struct ring *ring = *state;
    char kid[LIMIT_KID + 1];
    sign_ahead(ring, kid);
    ring_stop(ring);
    ring->accept_clock = true;
    ring->operator= "uid:7";
    ring_start(ring);
    assert_true(ring_was_told(ring, "the clock was accepted, as uid:7 asked"));
    assert_true(ring_was_told(ring, kid));
    assert_true(ring_was_told(ring, "may have signed tokens that are valid until 20"));
}

/* A clock that is behind once more is as suspect as before. */
static void clock__that_was_accepted_is_watched_as_before(void **state)
{
    struct ring *ring = *state;
    char kid[LIMIT_KID + 1];
    sign_ahead(ring, kid);
    accept_clock(ring, "uid:7");
    assert_int_equal(ring_sign(ring, "shop"), JWKD_OK);
    clocks_set_wall(-LEEWAY - 1);
    assert_int_equal(ring_sign(ring, "shop"), JWKD_UNAVAILABLE);
    clocks_set_wall(1);
    assert_int_equal(ring_sign(ring, "shop"), JWKD_OK);
}

/* The token of ten years ahead is out there: its key must not retire before it has expired. */
static void clock__that_is_accepted_forgets_no_token(void **state)
{
    struct ring *ring = *state;
    char kid[LIMIT_KID + 1], next[LIMIT_KID + 1];
    int64_t seen = sign_ahead(ring, kid);
    accept_clock(ring, "uid:7");
    assert_true(last_expiry(ring, kid) >= seen + 900);
    ring_generate(ring, "shop", next);
    ring_retire(ring, "shop", kid);
    for (int days = 0; days < 3; days++) {
        clocks_pass(DAY);
        clocks_look(ring);
        ring_restart(ring);
    }
    assert_int_equal(ring_key_state(ring, "shop", kid), JWKD__V1__KEY_STATE__ACTIVE);
    assert_true(last_expiry(ring, kid) >= seen + 900);
    clocks_pass(YEARS);
    clocks_look(ring);
    AWAIT(ring_key_state(ring, "shop", kid) == JWKD__V1__KEY_STATE__DEACTIVATED);
}

/* The next rotation was reckoned by the clock that was ahead. */
static void clock__that_is_accepted_lets_keys_rotate(void **state)
{
    struct ring *ring = *state;
    char kid[LIMIT_KID + 1], other[LIMIT_KID + 1];
    ring_create(ring, "shop");
    ring_generate(ring, "shop", kid);
    clocks_set_wall(YEARS);
    ring_set(ring, "shop", "rotate_every_sec", DAY);
    ring_generate(ring, "shop", other);
    clocks_set_wall(-YEARS);
    accept_clock(ring, "uid:7");
    clocks_pass(DAY - 1);
    clocks_look(ring);
    assert_true(ring_is_primary(ring, "shop", other));
    clocks_pass(2);
    clocks_look(ring);
    AWAIT(!ring_is_primary(ring, "shop", other));
}

static void clock__that_is_not_behind_is_not_accepted(void **state)
{
    struct ring *ring = *state;
    ring_create(ring, "shop");
    clocks_pass(60);
    accept_clock(ring, "uid:7");
    assert_true(ring_was_told(ring, "no clock to accept"));
    assert_accepted(ring, 0, 0, "");
    assert_int_equal(memory_count(ring->memory, "clock/"), 0);
}

/* An acceptance that is not stored does not count. */
static void clock__is_not_accepted_where_that_cannot_be_written(void **state)
{
    struct ring *ring = *state;
    char kid[LIMIT_KID + 1];
    sign_ahead(ring, kid);
    memory_next(ring->memory, "clock/", MEMORY_REFUSED);
    accept_clock(ring, "uid:7");
    assert_true(ring_was_told(ring, "the clock was not accepted"));
    assert_int_equal(ring_sign(ring, "shop"), JWKD_UNAVAILABLE);
    assert_accepted(ring, 0, 0, "");
    accept_clock(ring, "uid:7");
    assert_int_equal(ring_sign(ring, "shop"), JWKD_OK);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, ring_teardown)

int main(void)
{
    const struct CMUnitTest cases[] = {
        CASE(clock__that_was_ahead_is_said_to_stop_signing),
        CASE(clock__that_is_accepted_signs_again),
        CASE(clock__is_accepted_beside_another_epoch),
        CASE(clock__is_accepted_with_words),
        CASE(clock__that_was_accepted_is_watched_as_before),
        CASE(clock__that_is_accepted_forgets_no_token),
        CASE(clock__that_is_accepted_lets_keys_rotate),
        CASE(clock__that_is_not_behind_is_not_accepted),
        CASE(clock__is_not_accepted_where_that_cannot_be_written),
    };
    return cmocka_run_group_tests(cases, NULL, NULL);
}
