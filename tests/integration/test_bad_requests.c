#include "integration/harness.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

/* Every test here asks for something impossible, then sees that nothing changed and that others
 * are served. */
struct scene {
    struct service service;
    jwkd_client *client;
    struct raw raw;
    uint64_t revision, service_revision;
};

static uint64_t requests_of(jwkd_client *client)
{
    jwkd_service_status *status;
    assert_ok(jwkd_get_status(client, &status, NULL));
    uint64_t requests = status->requests;
    jwkd_free(status);
    return requests;
}

static uint64_t service_revision_of(jwkd_client *client)
{
    jwkd_service_status *status;
    assert_ok(jwkd_get_status(client, &status, NULL));
    uint64_t revision = status->service_revision;
    jwkd_free(status);
    return revision;
}

static void note_revisions(struct scene *scene)
{
    scene->revision = revision_of(scene->client, "shop");
    scene->service_revision = service_revision_of(scene->client);
}

static int setup(void **state)
{
    struct scene *scene = calloc(1, sizeof *scene);
    if (!scene) return -1;
    service_prepare(&scene->service);
    service_start(&scene->service);
    scene->client = client_open(&scene->service);
    raw_open(&scene->raw, &scene->service);
    environment_create(scene->client, "shop");
    free(key_generate(scene->client, "shop"));
    note_revisions(scene);
    *state = scene;
    return 0;
}

static int teardown(void **state)
{
    struct scene *scene = *state;
    assert_int_equal(revision_of(scene->client, "shop"), scene->revision);
    assert_int_equal(service_revision_of(scene->client), scene->service_revision);
    char *token = token_sign(scene->client, "shop");
    assert_verdict(token_judge(scene->client, "shop", token), JWKD_VERDICT_VALID);
    jwkd_free(token);
    raw_close(&scene->raw);
    jwkd_close(scene->client);
    service_stop(&scene->service);
    service_remove(&scene->service);
    free(scene);
    return 0;
}

/* ---- messages ---- */

static void pack_list(struct buffer *out)
{
    uint8_t id[16];
    Jwkd__V1__Request request = raw_request(id);
    Jwkd__V1__ListKeysRequest list = JWKD__V1__LIST_KEYS_REQUEST__INIT;
    list.environment = wire_text("shop");
    request.operation_case = JWKD__V1__REQUEST__OPERATION_LIST_KEYS;
    request.list_keys = &list;
    assert_ok(wire_pack(&request.base, out));
}

static void message__that_is_none_is_malformed(void **state)
{
    struct scene *scene = *state;
    CLEANUP(buffer_clear) struct buffer whole = {0};
    pack_list(&whole);
    assert_int_equal(raw_status_of_bytes(&scene->raw, buffer_bytes(&whole)), JWKD_OK);
    assert_int_equal(
        raw_status_of_bytes(&scene->raw, bytes_of_text("\xff\xff\xff\xff garbage")), JWKD_MALFORMED);
    assert_int_equal(raw_status_of_bytes(&scene->raw, bytes_of(whole.data, whole.size - 1)), JWKD_MALFORMED);
    /* a field that says it holds 8 GiB */
    static const uint8_t huge[] = {0x12, 0x80, 0x80, 0x80, 0x80, 0x20, 'x'};
    assert_int_equal(raw_status_of_bytes(&scene->raw, bytes_of(huge, sizeof huge)), JWKD_MALFORMED);
    assert_int_equal(raw_status_of_bytes(&scene->raw, bytes_of("", 0)), JWKD_UNSUPPORTED); /* of version 0 */
}

static void message__that_would_unpack_to_much_more_is_malformed(void **state)
{
    struct scene *scene = *state;
    CLEANUP(buffer_clear) struct buffer items = {0};
    assert_ok(buffer_reserve(&items, 512 * 1024));
    for (size_t i = 0; i < 200 * 1000; i++)
        assert_ok(buffer_append(&items, "\x12\x00", 2)); /* SignRequest.items */
    CLEANUP(buffer_clear) struct buffer whole = {0};
    const uint8_t head[] = {0x08, 0x01, 0xea, 0x01, /* sign, 400000 bytes: */ 0x80, 0xb5, 0x18};
    assert_ok(buffer_append(&whole, head, sizeof head));
    assert_ok(buffer_append_bytes(&whole, buffer_bytes(&items)));
    assert_int_equal(raw_status_of_bytes(&scene->raw, buffer_bytes(&whole)), JWKD_MALFORMED);
}

static void envelope__is_checked_field_by_field(void **state)
{
    struct scene *scene = *state;
    uint8_t id[16];
    Jwkd__V1__Request request = raw_request(id);
    Jwkd__V1__StatusRequest status = JWKD__V1__STATUS_REQUEST__INIT;
    assert_int_equal(raw_status(&scene->raw, &request), JWKD_UNSUPPORTED); /* no operation */
    request.operation_case = JWKD__V1__REQUEST__OPERATION_STATUS;
    request.status = &status;
    assert_int_equal(raw_status(&scene->raw, &request), JWKD_OK);
    request.version = 2;
    assert_int_equal(raw_status(&scene->raw, &request), JWKD_UNSUPPORTED);
    request.version = 1;
    request.request_id.len = 3;
    assert_int_equal(raw_status(&scene->raw, &request), JWKD_INVALID_ARGUMENT);
    request.request_id.len = 0;
    assert_int_equal(raw_status(&scene->raw, &request), JWKD_INVALID_ARGUMENT);
    /* operation 99, which is not known: version, id, field 99 of no bytes */
    uint8_t unknown[] = {
        0x08, 1, 0x12, 16, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 0x9a, 0x06, 0};
    assert_int_equal(raw_status_of_bytes(&scene->raw, bytes_of(unknown, sizeof unknown)), JWKD_UNSUPPORTED);
}

static void deadline__is_of_this_run_and_near(void **state)
{
    struct scene *scene = *state;
    uint8_t id[16], boot_id[16];
    Jwkd__V1__HelloRequest hello = JWKD__V1__HELLO_REQUEST__INIT;
    Jwkd__V1__Request request = raw_request(id);
    request.operation_case = JWKD__V1__REQUEST__OPERATION_HELLO;
    request.hello = &hello;
    CLEANUP(arena_clear) struct arena arena;
    Jwkd__V1__Reply *reply = raw_ask(&scene->raw, &request, &arena);
    assert_int_equal(reply->result_case, JWKD__V1__REPLY__RESULT_HELLO);
    assert_int_equal(reply->hello->boot_id.len, sizeof boot_id);
    memcpy(boot_id, reply->hello->boot_id.data, sizeof boot_id);
    const uint64_t now = reply->hello->clock_ns, second = UINT64_C(1000000000);

    request.boot_id = wire_bytes(bytes_of(boot_id, sizeof boot_id));
    request.deadline_ns = now + 30 * second;
    assert_int_equal(raw_status(&scene->raw, &request), JWKD_OK);
    request.deadline_ns = 1;
    assert_int_equal(raw_status(&scene->raw, &request), JWKD_DEADLINE_EXCEEDED);
    request.deadline_ns = now + 3600 * second;
    assert_int_equal(raw_status(&scene->raw, &request), JWKD_INVALID_ARGUMENT);
    request.deadline_ns = UINT64_MAX;
    assert_int_equal(raw_status(&scene->raw, &request), JWKD_INVALID_ARGUMENT);
    request.deadline_ns = now + 30 * second;
    boot_id[0] ^= 1;
    assert_int_equal(raw_status(&scene->raw, &request), JWKD_WRONG_BOOT);
    request.boot_id.len = 0;
    assert_int_equal(raw_status(&scene->raw, &request), JWKD_WRONG_BOOT);
}

/* ---- repetition ---- */

static void request_id__makes_a_repetition_the_same_change(void **state)
{
    struct scene *scene = *state;
    uint8_t id[16];
    Jwkd__V1__Request request = raw_request(id);
    Jwkd__V1__Environment environment = JWKD__V1__ENVIRONMENT__INIT;
    Jwkd__V1__CreateEnvironmentRequest create = JWKD__V1__CREATE_ENVIRONMENT_REQUEST__INIT;
    environment.name = wire_text("twice");
    environment.default_algorithm = wire_text("ES256");
    create.environment = &environment;
    request.operation_case = JWKD__V1__REQUEST__OPERATION_CREATE_ENVIRONMENT;
    request.create_environment = &create;
    for (int i = 0; i < 3; i++) {
        CLEANUP(arena_clear) struct arena arena;
        Jwkd__V1__Reply *reply = raw_ask(&scene->raw, &request, &arena);
        assert_int_equal(reply->status, JWKD__V1__STATUS__OK);
        assert_int_equal(reply->environment->environment->state->revision, 1);
    }
    assert_int_equal(service_revision_of(scene->client), scene->service_revision + 1);
    environment.name = wire_text("other");
    assert_int_equal(raw_status(&scene->raw, &request), JWKD_CONFLICT); /* the same id, another change */
    note_revisions(scene);
}

/* ---- names and settings ---- */

static void environment__of_an_impossible_name_or_setting_is_refused(void **state)
{
    struct scene *scene = *state;
    static const char long_name[] =
        "a234567890123456789012345678901234567890123456789012345678901234"; /* 64 */
    static const char *const names[] = {
        "", "Shop", "a b", "a/b", "-a", ".a", "sh\xc3\xb6p", "a\nb", long_name};
    jwkd_environment *made;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const jwkd_environment wanted = {.name = names[i], .default_algorithm = "ES256"};
        jwkd_error error = {0};
        assert_status(
            jwkd_environment_create(scene->client, &wanted, &made, &error), JWKD_INVALID_ARGUMENT, &error);
    }
    jwkd_error error = {0};
    const jwkd_environment hmac = {.name = "x", .default_algorithm = "HS256"};
    assert_status(jwkd_environment_create(scene->client, &hmac, &made, &error), JWKD_UNSUPPORTED, &error);
    const jwkd_environment weak = {.name = "x", .default_algorithm = "RS256", .default_bits = 1024};
    jwkd_status status = jwkd_environment_create(scene->client, &weak, &made, &error);
    assert_true(status == JWKD_UNSUPPORTED || status == JWKD_INVALID_ARGUMENT);
    const jwkd_environment eternal = {
        .name = "x", .default_algorithm = "ES256", .max_token_lifetime_sec = UINT32_MAX};
    assert_status(
        jwkd_environment_create(scene->client, &eternal, &made, &error), JWKD_INVALID_ARGUMENT, &error);
    jwkd_key_answer *answer;
    assert_status(jwkd_generate(scene->client, "nowhere", NULL, &answer, &error), JWKD_NOT_FOUND, &error);
    const jwkd_generate_options sized = {.bits = 2048};
    assert_status(
        jwkd_generate(scene->client, "shop", &sized, &answer, &error), JWKD_INVALID_ARGUMENT, &error);
    const jwkd_generate_options none = {.algorithm = "none"};
    assert_status(jwkd_generate(scene->client, "shop", &none, &answer, &error), JWKD_UNSUPPORTED, &error);
    assert_status(
        jwkd_deactivate(scene->client, "shop", "", true, &answer, &error), JWKD_INVALID_ARGUMENT, &error);
}

/* ---- what is to be signed ---- */

static void claims__that_must_not_be_signed_are_refused(void **state)
{
    struct scene *scene = *state;
    static const struct {
        const char *claims;
        jwkd_status status;
    } cases[] = {
        {"", JWKD_MALFORMED},
        {"[]", JWKD_MALFORMED},
        {"\"text\"", JWKD_MALFORMED},
        {"{", JWKD_MALFORMED},
        {"{} {}", JWKD_MALFORMED},
        {"{\"sub\":\"a\",\"sub\":\"b\"}", JWKD_MALFORMED},
        {"{\"iss\":\"https://elsewhere.example\"}", JWKD_INVALID_ARGUMENT},
        {"{\"exp\":99999999999}", JWKD_INVALID_ARGUMENT},
        {"{\"exp\":1}", JWKD_INVALID_ARGUMENT},
        {"{\"exp\":\"soon\"}", JWKD_MALFORMED},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const jwkd_sign_item item = {.claims = {cases[i].claims, strlen(cases[i].claims)}};
        char *token;
        jwkd_error error = {0};
        jwkd_status status = jwkd_sign(scene->client, "shop", &item, &token, &error);
        if (status != cases[i].status) print_error("claims %s:\n", cases[i].claims);
        assert_status(status, cases[i].status, &error);
    }
    const jwkd_sign_item longer = {.claims = {"{}", 2}, .lifetime_sec = 3601};
    char *token;
    jwkd_error error = {0};
    assert_status(jwkd_sign(scene->client, "shop", &longer, &token, &error), JWKD_INVALID_ARGUMENT, &error);
}

static void raw_payload__is_neither_claims_nor_typed_like_a_token(void **state)
{
    struct scene *scene = *state;
    char *token;
    jwkd_error error = {0};
    const jwkd_bytes text = {"hello", 5}, claims = {" {\"sub\":\"root\"}", 15};
    assert_ok(jwkd_sign_raw(scene->client, "shop", "note", text, &token, &error));
    jwkd_free(token);
    assert_status(
        jwkd_sign_raw(scene->client, "shop", "note", claims, &token, &error), JWKD_INVALID_ARGUMENT, &error);
    static const char *const types[] = {
        "JWT", "jwt", "at+jwt", "AT+JWT", "application/jwt", "application/at+jwt", ""};
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        assert_status(jwkd_sign_raw(scene->client, "shop", types[i], text, &token, &error),
            JWKD_INVALID_ARGUMENT, &error);
}

/* ---- manners ---- */

static void client__that_never_reads_holds_nobody_up(void **state)
{
    struct scene *scene = *state;
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "%s/rpc.sock", scene->service.sockets);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
    uint64_t before = requests_of(scene->client);
    /* The SP handshake of a requester, then one request after the other until the socket takes no more. */
    static const uint8_t greeting[] = {0, 'S', 'P', 0, 0, 0x30, 0, 0};
    assert_int_equal(send(fd, greeting, sizeof greeting, MSG_NOSIGNAL), sizeof greeting);
    CLEANUP(buffer_clear) struct buffer request = {0}, frame = {0};
    pack_list(&request);
    uint8_t head[13] = {1, [9] = 0x80, [12] = 1};
    for (size_t i = 0; i < 8; i++)
        head[1 + i] = (uint8_t)((uint64_t)(request.size + 4) >> (56 - 8 * i));
    assert_ok(buffer_append(&frame, head, sizeof head));
    assert_ok(buffer_append_bytes(&frame, buffer_bytes(&request)));
    for (int i = 0; i < 20000; i++)
        if (send(fd, frame.data, frame.size, MSG_NOSIGNAL | MSG_DONTWAIT) != (ssize_t)frame.size) break;
    /* They are requests indeed, and the service works on them. */
    time_t until = time(NULL) + PATIENCE_SEC;
    for (uint64_t asked = 1; requests_of(scene->client) - asked < before + 100; asked++)
        assert_true(time(NULL) < until);
    for (int i = 0; i < 50; i++)
        jwkd_free(token_sign(scene->client, "shop"));
    close(fd);
}

static void connect_and_close__leaves_the_service_answering(void **state)
{
    struct scene *scene = *state;
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "%s/rpc.sock", scene->service.sockets);
    for (int i = 0; i < 20; i++) {
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        assert_true(fd >= 0);
        assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
        close(fd);
    }
    jwkd_client *fresh = client_open(&scene->service);
    assert_ok(jwkd_ping(fresh, NULL, NULL));
    jwkd_close(fresh);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(message__that_is_none_is_malformed),
        CASE(message__that_would_unpack_to_much_more_is_malformed),
        CASE(envelope__is_checked_field_by_field),
        CASE(deadline__is_of_this_run_and_near),
        CASE(request_id__makes_a_repetition_the_same_change),
        CASE(environment__of_an_impossible_name_or_setting_is_refused),
        CASE(claims__that_must_not_be_signed_are_refused),
        CASE(raw_payload__is_neither_claims_nor_typed_like_a_token),
        CASE(client__that_never_reads_holds_nobody_up),
        CASE(connect_and_close__leaves_the_service_answering),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
