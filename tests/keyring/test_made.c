/* Every change is told to the operator and to subscribers: what was done, to which key, and who did it. */
#include "keyring/clocks.h"

#include "base/clock.h"
#include "keyring/records/rows.h"

#include <inttypes.h>

enum { DAY = 24 * 3600, JWKS_AGE = 60, MARGIN = 30 };

static int setup(void **state)
{
    clocks_reset();
    return ring_setup(state);
}

/* Without what clocks_look() did. */
static void made_in_shop(struct ring *ring, char out[4096])
{
    char made[4096], *rest = made;
    ring_made(ring, made);
    out[0] = '\0';
    for (char *line; (line = strsep(&rest, "\n")) != NULL && *line;)
        if (strstr(line, " shop ")) strcat(strcat(out, line), "\n");
}

static void expect_made(struct ring *ring, const char *expected)
{
    char made[4096];
    made_in_shop(ring, made);
    assert_string_equal(made, expected);
}

#define EXPECT(ring, ...)                                   \
    do {                                                    \
        char expected_[1024];                               \
        snprintf(expected_, sizeof expected_, __VA_ARGS__); \
        expect_made(ring, expected_);                       \
    } while (0)

static void made__says_who_did_what_to_which_key(void **state)
{
    struct ring *ring = *state;
    char first[LIMIT_KID + 1], second[LIMIT_KID + 1];
    ring_create(ring, "shop");
    EXPECT(ring, "create_environment shop 1 uid:1000 \n");
    ring_set(ring, "shop", "jwks_max_age_sec", 0);
    EXPECT(ring, "update_environment shop 2 uid:1000 \n");
    ring_generate(ring, "shop", first);
    EXPECT(ring, "generate shop 3 uid:1000 %s\n", first);
    assert_int_equal(ring_sign(ring, "shop"), JWKD_OK); /* or else it would be gone as soon as it retires */
    ring_import(ring, "shop", "rfc7515-a3.jwk", second);
    EXPECT(ring, "import shop 4 uid:1000 %s\n", second);
    ring_retire(ring, "shop", first);
    EXPECT(ring, "retire shop 5 uid:1000 %s\n", first);
    ring_deactivate(ring, "shop", second);
    EXPECT(ring, "deactivate shop 6 uid:1000 %s\n", second);
    ring_deactivate(ring, "shop", second); /* nothing changes */
    EXPECT(ring, "%s", "");
}

static void made__names_the_key_that_was_replaced(void **state)
{
    struct ring *ring = *state;
    uint8_t id[16];
    char first[LIMIT_KID + 1], made[4096], expected[1024];
    ring_create(ring, "shop");
    char *fields[] = {wire_text("mode")};
    Jwkd__V1__Environment environment = JWKD__V1__ENVIRONMENT__INIT;
    Jwkd__V1__UpdateEnvironmentRequest update = JWKD__V1__UPDATE_ENVIRONMENT_REQUEST__INIT;
    Jwkd__V1__Request request = ring_request(ring, id, JWKD__V1__REQUEST__OPERATION_UPDATE_ENVIRONMENT);
    environment.name = wire_text("shop");
    environment.mode = JWKD__V1__MODE__EXCLUSIVE;
    update.environment = &environment;
    update.fields = fields;
    update.n_fields = 1;
    request.update_environment = &update;
    assert_int_equal(ring_status(ring, &request), JWKD_OK);
    ring_generate(ring, "shop", first);
    ring_made(ring, made);
    Jwkd__V1__GenerateRequest generate = JWKD__V1__GENERATE_REQUEST__INIT;
    request = ring_request(ring, id, JWKD__V1__REQUEST__OPERATION_GENERATE);
    generate.environment = wire_text("shop");
    generate.invalidate_kid = first;
    request.generate = &generate;
    assert_int_equal(ring_collect(ring, &request), JWKD_OK);
    CLEANUP(arena_clear) struct arena arena;
    const char *second = ring_change(ring, &request, &arena)->key->key->kid;
    snprintf(expected, sizeof expected, "generate shop 4 uid:1000 %s, %s deactivated\n", second, first);
    expect_made(ring, expected);
}

/* What the service does by itself has a principal, too. The key that a rotation replaces is deactivated at
 * once, since its last token has long expired. */
static void made__by_the_service_itself_is_told(void **state)
{
    struct ring *ring = *state;
    char first[LIMIT_KID + 1], second[LIMIT_KID + 1], made[4096], all[2 * 4096] = "", expected[1024];
    uint64_t revision;
    ring_create(ring, "shop");
    ring_generate(ring, "shop", first);
    assert_int_equal(ring_sign(ring, "shop"), JWKD_OK);
    ring_set(ring, "shop", "rotate_every_sec", DAY);
    ring_made(ring, made);
    clocks_pass(DAY + 1);
    clocks_look(ring);
    AWAIT((made_in_shop(ring, made), strcat(all, made), strstr(all, "deactivate")));
    assert_int_equal(sscanf(all, "rotate shop %" SCNu64 " service:schedule %128s\n", &revision, second), 2);
    assert_true(ring_is_primary(ring, "shop", second));
    snprintf(expected, sizeof expected,
        "rotate shop %" PRIu64 " service:schedule %s\ndeactivate shop %" PRIu64 " service:schedule %s\n",
        revision, second, revision + 1, first);
    assert_string_equal(all, expected);
}

static void made__by_an_operation_names_it(void **state)
{
    struct ring *ring = *state;
    uint8_t id[16];
    char first[LIMIT_KID + 1], hex[33], made[4096];
    ring_create(ring, "shop");
    ring_set(ring, "shop", "jwks_max_age_sec", JWKS_AGE);
    ring_generate(ring, "shop", first);
    Jwkd__V1__GenerateRequest generate = JWKD__V1__GENERATE_REQUEST__INIT;
    Jwkd__V1__Request request = ring_request(ring, id, JWKD__V1__REQUEST__OPERATION_GENERATE);
    generate.environment = wire_text("shop");
    request.generate = &generate;
    assert_int_equal(ring_collect(ring, &request), JWKD_OK);
    CLEANUP(arena_clear) struct arena arena;
    const Jwkd__V1__KeyReply *answer = ring_change(ring, &request, &arena)->key;
    assert_int_equal(answer->operation->phase, JWKD__V1__OPERATION__PHASE__WAITING);
    bytes_to_hex(wire_view(answer->operation->id), hex);
    ring_made(ring, made);
    clocks_pass(JWKS_AGE + MARGIN);
    clocks_look(ring);
    EXPECT(ring, "promote shop %" PRIu64 " service:operation/%s %s\n", answer->state->revision + 1, hex,
        answer->key->kid);
}

/* ---- in events */

/* The principal of each event of the log behind a revision, with a blank behind each. */
static void read_log(struct ring *ring, uint64_t since, char out[1024])
{
    uint8_t id[16];
    Jwkd__V1__State state = JWKD__V1__STATE__INIT;
    Jwkd__V1__GetChangesRequest get = JWKD__V1__GET_CHANGES_REQUEST__INIT;
    Jwkd__V1__Request request = ring_request(ring, id, JWKD__V1__REQUEST__OPERATION_GET_CHANGES);
    state.epoch = wire_bytes(bytes_of(keyring_epoch(ring->keyring), 16));
    state.environment_id = 1;
    state.revision = since;
    get.environment = wire_text("shop");
    get.since = &state;
    request.get_changes = &get;
    CLEANUP(reply_clear) struct reply reply;
    jwkd_error error = {0};
    reply_init(&reply, &request);
    assert_int_equal(keyring_get_changes(ring->keyring, &ANYBODY, &request, &reply, &error), JWKD_OK);
    out[0] = '\0';
    for (size_t i = 0; i < reply.message.changes->n_events; i++) {
        strcat(out, reply.message.changes->events[i]->principal);
        strcat(out, " ");
    }
}

static void log__tells_the_principal(void **state)
{
    struct ring *ring = *state;
    char kid[LIMIT_KID + 1], log[1024];
    ring_create(ring, "shop");
    ring_generate(ring, "shop", kid);
    read_log(ring, 0, log);
    assert_string_equal(log, "uid:1000 uid:1000 ");
}

/* A row of a version that did not keep it. */
static void log__of_an_older_version_is_read(void **state)
{
    struct ring *ring = *state;
    char kid[LIMIT_KID + 1], log[1024];
    ring_create(ring, "shop");
    ring_generate(ring, "shop", kid);
    CLEANUP(buffer_clear) struct buffer row = {0}, old = {0};
    static const char name[] = "log/0000000000000001/0000000000000002";
    assert_int_equal(store_get(ring->store, bytes_of_text(name), &row, NULL), JWKD_OK);
    CLEANUP(arena_clear) struct arena arena;
    ProtobufCMessage *message;
    assert_int_equal(
        wire_unpack(&jwkd__v1__event__descriptor, buffer_bytes(&row), &arena, &message), JWKD_OK);
    Jwkd__V1__Event *event = (Jwkd__V1__Event *)message;
    assert_string_equal(event->principal, "uid:1000");
    event->principal = wire_text("");
    assert_int_equal(wire_pack(message, &old), JWKD_OK);
    assert_true(old.size < row.size);
    ring_stop(ring);
    ring_put(ring, name, buffer_bytes(&old));
    ring_start(ring);
    read_log(ring, 0, log);
    assert_string_equal(log, "uid:1000  ");
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, ring_teardown)

int main(void)
{
    const struct CMUnitTest cases[] = {
        CASE(made__says_who_did_what_to_which_key),
        CASE(made__names_the_key_that_was_replaced),
        CASE(made__by_the_service_itself_is_told),
        CASE(made__by_an_operation_names_it),
        CASE(log__tells_the_principal),
        CASE(log__of_an_older_version_is_read),
    };
    return cmocka_run_group_tests(cases, NULL, NULL);
}
