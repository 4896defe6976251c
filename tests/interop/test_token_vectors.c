/* Every token of proto/vectors/tokens.json, judged by the library: over the JWKS document, and, where a
 * service could hold the key set, as a verifier does that has it from a service's snapshot. */
#include "base/cleanup.h"
#include "base/limits.h"
#include "jose/jwt.h"
#include "lib/judge/keys.h"

#include <jwkd.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

/* The document, and the vector that is judged. */
struct vectors {
    struct buffer text;
    struct json json;
    int64_t now;
    unsigned count, wrong;
};

struct vector {
    struct bytes name, token;
    struct bytes verdict;
    struct bytes issuer, type;
    struct bytes audiences[LIMIT_AUDIENCES];
    size_t audience_count;
    int64_t leeway_sec;
    int set; /* of keys */
};

static int member(const struct vectors *vectors, int object, const char *name)
{
    return json_member(&vectors->json, object, name);
}

/* Empty where there is none. */
static struct bytes text(const struct vectors *vectors, int object, const char *name)
{
    return json_string(&vectors->json, member(vectors, object, name));
}

/* 0 where there is none. */
static int64_t whole(const struct vectors *vectors, int object, const char *name)
{
    int node = member(vectors, object, name);
    if (node == JSON_NONE) return 0;
    CLEANUP(free_at) char *digits = bytes_to_text(vectors->json.nodes[node].text);
    assert_non_null(digits);
    return strtoll(digits, NULL, 10);
}

static size_t texts(const struct vectors *vectors, int array, struct bytes *out, size_t most)
{
    if (array == JSON_NONE) return 0;
    size_t count = vectors->json.nodes[array].children;
    assert_in_range(count, 0, most);
    int item = json_first(&vectors->json, array);
    for (size_t i = 0; i < count; i++, item = json_next(&vectors->json, item))
        out[i] = json_string(&vectors->json, item);
    return count;
}

static void load(struct vectors *vectors)
{
    FILE *file = fopen(TEST_SOURCE_DIR "/../proto/vectors/tokens.json", "r");
    assert_non_null(file);
    char block[64 * 1024];
    for (size_t size; (size = fread(block, 1, sizeof block, file)) > 0;)
        assert_int_equal(buffer_append(&vectors->text, block, size), JWKD_OK);
    fclose(file);
    assert_int_equal(json_parse(&vectors->json, buffer_bytes(&vectors->text), NULL), JWKD_OK);
    vectors->now = whole(vectors, JSON_ROOT, "now");
}

static struct vector read_vector(const struct vectors *vectors, int node)
{
    int expected = member(vectors, node, "expected"), sets = member(vectors, JSON_ROOT, "key_sets");
    CLEANUP(free_at) char *set = bytes_to_text(text(vectors, node, "keys"));
    assert_non_null(set);
    struct vector vector = {.name = text(vectors, node, "name"),
        .token = text(vectors, node, "token"),
        .verdict = text(vectors, node, "verdict"),
        .issuer = text(vectors, expected, "issuer"),
        .type = text(vectors, expected, "type"),
        .leeway_sec = whole(vectors, expected, "leeway"),
        .set = member(vectors, sets, set)};
    assert_int_not_equal(vector.set, JSON_NONE);
    vector.audience_count =
        texts(vectors, member(vectors, expected, "audiences"), vector.audiences, LIMIT_AUDIENCES);
    return vector;
}

/* As proto/jwkd.proto names it. */
static const char *wire_name(jwkd_verdict verdict)
{
    return verdict == JWKD_VERDICT_MALFORMED ? "TOKEN_MALFORMED" : jwkd_verdict_name(verdict);
}

static void compare(
    struct vectors *vectors, const struct vector *vector, const char *how, const char *verdict)
{
    vectors->count++;
    if (bytes_equal_text(vector->verdict, verdict)) return;
    vectors->wrong++;
    print_error("%.*s, %s: %s, not %.*s\n", (int)vector->name.size, (const char *)vector->name.data, how,
        verdict, (int)vector->verdict.size, (const char *)vector->verdict.data);
}

static const char *judge_by_document(
    struct vectors *vectors, const struct vector *vector, struct bytes document)
{
    jwkd_verifier *verifier = NULL;
    if (jwkd_verifier_from_jwks((jwkd_bytes){document.data, document.size}, &verifier, NULL) != JWKD_OK)
        return "NO_KEY_SET";
    CLEANUP(free_at) char *issuer = vector->issuer.size ? bytes_to_text(vector->issuer) : NULL;
    CLEANUP(free_at) char *type = vector->type.size ? bytes_to_text(vector->type) : NULL;
    char *audiences[LIMIT_AUDIENCES] = {0};
    for (size_t i = 0; i < vector->audience_count; i++)
        assert_non_null(audiences[i] = bytes_to_text(vector->audiences[i]));
    const jwkd_expectation expected = {.issuer = issuer,
        .type = type,
        .audiences = (const char *const *)audiences,
        .audience_count = vector->audience_count,
        .leeway_sec = (uint32_t)vector->leeway_sec,
        .now = vectors->now};
    jwkd_verdict verdict =
        jwkd_verify(verifier, (const char *)vector->token.data, vector->token.size, &expected, NULL, NULL);
    for (size_t i = 0; i < vector->audience_count; i++)
        free(audiences[i]);
    jwkd_verifier_close(verifier);
    return wire_name(verdict);
}

static const char *judge_by_snapshot(
    struct vectors *vectors, const struct vector *vector, struct bytes document)
{
    enum { MOST = 8 };
    struct bytes kids[MOST];
    char *deactivated[MOST] = {0};
    size_t count = texts(vectors, member(vectors, vector->set, "deactivated"), kids, MOST);
    for (size_t i = 0; i < count; i++)
        assert_non_null(deactivated[i] = bytes_to_text(kids[i]));
    uint8_t epoch[16] = {1};
    Jwkd__V1__State state = JWKD__V1__STATE__INIT;
    state.epoch = (ProtobufCBinaryData){sizeof epoch, epoch};
    state.environment_id = state.revision = 1;
    Jwkd__V1__Environment environment = JWKD__V1__ENVIRONMENT__INIT;
    Jwkd__V1__JwksReply snapshot = JWKD__V1__JWKS_REPLY__INIT;
    snapshot.state = &state;
    snapshot.environment = &environment;
    snapshot.jwks = wire_bytes(document);
    snapshot.n_deactivated = count;
    snapshot.deactivated = deactivated;
    CLEANUP(keys_unref_at) struct keys *keys = NULL;
    assert_int_equal(keys_from_snapshot(&snapshot, &keys, NULL), JWKD_OK);
    const struct jwt_expectation expected = {.issuer = vector->issuer,
        .audiences = vector->audiences,
        .audience_count = vector->audience_count,
        .type = vector->type,
        .leeway_sec = vector->leeway_sec,
        .now = vectors->now};
    CLEANUP(jwt_clear) struct jwt jwt;
    jwkd_verdict verdict = jwt_verify(keys->set, vector->token, &expected, &jwt, NULL);
    for (size_t i = 0; i < count; i++)
        free(deactivated[i]);
    return wire_name(verdict);
}

/* A document says nothing of what is deactivated. */
static void judge(struct vectors *vectors, const struct vector *vector)
{
    struct bytes document = text(vectors, vector->set, "jwks");
    if (!bytes_equal_text(vector->verdict, "KEY_DEACTIVATED"))
        compare(vectors, vector, "document", judge_by_document(vectors, vector, document));
    if (member(vectors, vector->set, "service") != JSON_NONE)
        compare(vectors, vector, "snapshot", judge_by_snapshot(vectors, vector, document));
}

static void token_vectors__are_judged_as_the_specification_says(void **state)
{
    (void)state;
    struct vectors vectors = {0};
    load(&vectors);
    int tokens = member(&vectors, JSON_ROOT, "tokens"), node = json_first(&vectors.json, tokens);
    uint32_t count = vectors.json.nodes[tokens].children;
    for (uint32_t i = 0; i < count; i++, node = json_next(&vectors.json, node)) {
        struct vector vector = read_vector(&vectors, node);
        judge(&vectors, &vector);
    }
    print_message("%u tokens, judged %u times\n", count, vectors.count);
    assert_true(count >= 150 && vectors.count > count);
    assert_int_equal(vectors.wrong, 0);
    json_clear(&vectors.json);
    buffer_clear(&vectors.text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(token_vectors__are_judged_as_the_specification_says)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
