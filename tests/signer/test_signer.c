/* Making, signing, holding and forgetting. */
#include "signer/fixture.h"

#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

static struct fixture fixture;

static int open_fixture(void **state)
{
    (void)state;
    fixture_open(&fixture, 0);
    return 0;
}

static int close_fixture(void **state)
{
    (void)state;
    fixture_close(&fixture);
    return 0;
}

static void signer__signs_with_every_algorithm_that_openssl_has(void **state)
{
    (void)state;
    for (enum alg alg = ALG_NONE + 1; alg < ALG_COUNT; alg++) {
        if (!alg_available(alg)) continue;
        CLEANUP(pair_clear)
        struct pair pair = alg_kty(alg) == KTY_RSA
                               ? fixture_import(&fixture, "rsa-2048.pem", alg, alg_name(alg))
                               : fixture_generate(&fixture, alg, alg_name(alg));
        assert_int_equal(jwk_alg(pair.public), alg);
        fixture_check_pair(&fixture, &pair);
        fixture_check_pair(&fixture, &pair);
    }
}

static void signer__signs_with_every_size_of_rsa(void **state)
{
    (void)state;
    static const char *const FILES[] = {"rsa-2048.jwk", "rsa-3072.pem", "rsa-4096.pem", "rsa-4096.jwk"};
    for (size_t i = 0; i < sizeof FILES / sizeof *FILES; i++) {
        CLEANUP(pair_clear) struct pair pair = fixture_import(&fixture, FILES[i], ALG_PS384, FILES[i]);
        fixture_check_pair(&fixture, &pair);
    }
}

static void signer__generates_a_key_named_by_its_thumbprint(void **state)
{
    (void)state;
    CLEANUP(pair_clear) struct pair one = fixture_generate(&fixture, ALG_ES256, "a");
    CLEANUP(pair_clear) struct pair other = fixture_generate(&fixture, ALG_ES256, "a");
    assert_string_equal(jwk_kid(one.public), jwk_thumbprint(one.public));
    assert_string_not_equal(jwk_kid(one.public), jwk_kid(other.public));
}

static void signer__generates_rsa(void **state)
{
    (void)state;
    CLEANUP(pair_clear) struct pair pair = {.owner = "a"};
    const struct key_type *type;
    assert_int_equal(alg_key_type(ALG_RS256, 2048, &type), JWKD_OK);
    assert_int_equal(
        signer_generate(fixture.signer, type, ALG_RS256, "a", NULL, &pair.sealed, &pair.public, NULL),
        JWKD_OK);
    assert_int_equal(jwk_bits(pair.public), 2048);
    fixture_check_pair(&fixture, &pair);
}

static void signer__generate_refuses_an_algorithm_for_other_keys(void **state)
{
    (void)state;
    struct buffer sealed = {0};
    struct jwk *public = NULL;
    jwkd_error error = {0};
    const struct key_type *type;
    assert_int_equal(alg_key_type(ALG_ES384, 0, &type), JWKD_OK);
    assert_int_equal(signer_generate(fixture.signer, type, ALG_ES256, "a", NULL, &sealed, &public, &error),
        JWKD_INVALID_ARGUMENT);
    assert_int_equal(error.status, JWKD_INVALID_ARGUMENT);
    assert_null(public);
    assert_int_equal(sealed.size, 0);
}

static void signer__appends_the_signature(void **state)
{
    (void)state;
    CLEANUP(pair_clear) struct pair pair = fixture_generate(&fixture, ALG_ES256, "a");
    CLEANUP(buffer_clear) struct buffer out = {0};
    struct signer_key key = pair_key(&pair);
    struct bytes input = bytes_of_text("some.input");
    assert_int_equal(buffer_append_text(&out, "some.input."), JWKD_OK);
    assert_int_equal(signer_sign(fixture.signer, &key, input, &out), JWKD_OK);
    assert_int_equal(out.size, 11 + 64);
    assert_memory_equal(out.data, "some.input.", 11);
    assert_int_equal(jwk_verify(pair.public, input, bytes_of(out.data + 11, 64)), JWKD_OK);
}

static void expect_refusal(struct signer_key key, jwkd_status expected)
{
    struct buffer out = {0};
    assert_int_equal(signer_sign(fixture.signer, &key, bytes_of_text("input"), &out), expected);
    assert_int_equal(out.size, 0);
    buffer_clear(&out);
}

static void signer__opens_a_key_for_its_owner_and_kid_only(void **state)
{
    (void)state;
    CLEANUP(pair_clear) struct pair pair = fixture_generate(&fixture, ALG_ES256, "0a");
    struct signer_key key = pair_key(&pair);
    key.owner = "0b";
    expect_refusal(key, JWKD_CORRUPT);
    key = pair_key(&pair);
    key.kid = "another";
    expect_refusal(key, JWKD_CORRUPT);
    /* The same characters, otherwise divided. */
    char kid[128];
    snprintf(kid, sizeof kid, "a%s", jwk_kid(pair.public));
    key.owner = "0";
    key.kid = kid;
    expect_refusal(key, JWKD_CORRUPT);
    for (size_t i = 0; i < pair.sealed.size; i += 7) {
        pair.sealed.data[i] ^= 1;
        expect_refusal(pair_key(&pair), JWKD_CORRUPT);
        pair.sealed.data[i] ^= 1;
    }
    fixture_check_pair(&fixture, &pair);
}

static void signer__refuses_names_that_are_none(void **state)
{
    (void)state;
    CLEANUP(pair_clear) struct pair pair = fixture_generate(&fixture, ALG_ES256, "a");
    char longest[200];
    memset(longest, 'k', sizeof longest);
    longest[sizeof longest - 1] = '\0';
    struct signer_key key = pair_key(&pair);
    key.owner = "";
    expect_refusal(key, JWKD_INVALID_ARGUMENT);
    key.owner = longest;
    expect_refusal(key, JWKD_INVALID_ARGUMENT);
    key = pair_key(&pair);
    key.kid = longest;
    expect_refusal(key, JWKD_INVALID_ARGUMENT);
    key.kid = "";
    expect_refusal(key, JWKD_INVALID_ARGUMENT);
}

static void signer__refuses_an_algorithm_that_is_not_the_keys(void **state)
{
    (void)state;
    CLEANUP(pair_clear) struct pair pair = fixture_generate(&fixture, ALG_ES256, "a");
    struct signer_key key = pair_key(&pair);
    key.alg = ALG_RS256;
    expect_refusal(key, JWKD_INVALID_ARGUMENT);
    fixture_check_pair(&fixture, &pair);
    expect_refusal(key, JWKD_INVALID_ARGUMENT);
}

static void signer__does_not_sign_pkcs1_with_a_pss_key(void **state)
{
    (void)state;
    CLEANUP(pair_clear) struct pair pair = fixture_import(&fixture, "rsa-2048.pem", ALG_PS256, "a");
    fixture_check_pair(&fixture, &pair);
    struct signer_key key = pair_key(&pair);
    key.alg = ALG_RS256;
    expect_refusal(key, JWKD_INVALID_ARGUMENT);
}

static void signer__takes_both_names_of_an_edwards_curve(void **state)
{
    (void)state;
    CLEANUP(pair_clear) struct pair pair = fixture_generate(&fixture, ALG_EDDSA, "a");
    struct signer_key key = pair_key(&pair);
    fixture_check_pair(&fixture, &pair);
    key.alg = ALG_ED448;
    expect_refusal(key, JWKD_INVALID_ARGUMENT);
    key.alg = ALG_ED25519;
    CLEANUP(buffer_clear) struct buffer out = {0};
    assert_int_equal(signer_sign(fixture.signer, &key, bytes_of_text("input"), &out), JWKD_OK);
}

static void signer__rebinds_to_another_owner(void **state)
{
    (void)state;
    CLEANUP(pair_clear) struct pair reserve = fixture_generate(&fixture, ALG_ES256, "reserve");
    CLEANUP(pair_clear) struct pair taken = {.owner = "0a", .public = jwk_ref(reserve.public)};
    struct signer_key key = pair_key(&reserve);
    assert_int_equal(signer_rebind(fixture.signer, &key, "0a", &taken.sealed), JWKD_OK);
    fixture_check_pair(&fixture, &taken);
    struct signer_key crossed = pair_key(&taken);
    crossed.owner = "0c";
    expect_refusal(crossed, JWKD_CORRUPT);
    struct buffer none = {0};
    key.owner = "0b";
    assert_int_equal(signer_rebind(fixture.signer, &key, "0a", &none), JWKD_CORRUPT);
    assert_int_equal(none.size, 0);
}

static void signer__pushes_out_the_least_recently_used(void **state)
{
    (void)state;
    struct fixture small;
    struct pair pairs[5];
    fixture_open(&small, 3);
    for (size_t i = 0; i < 5; i++)
        pairs[i] = fixture_generate(&small, ALG_ES256, "a");
    assert_int_equal(signer_unsealed(small.signer), 0);
    for (size_t i = 0; i < 3; i++)
        fixture_check_pair(&small, &pairs[i]);
    fixture_check_pair(&small, &pairs[0]);
    assert_int_equal(signer_unsealed(small.signer), 3);
    fixture_check_pair(&small, &pairs[3]); /* pushes out 1 */
    fixture_check_pair(&small, &pairs[4]); /* pushes out 2 */
    assert_int_equal(signer_unsealed(small.signer), 3);
    static const bool HELD[5] = {true, false, false, true, true};
    for (size_t i = 0; i < 5; i++)
        assert_int_equal(fixture_holds(&small, &pairs[i]), HELD[i]);
    for (size_t i = 0; i < 5; i++)
        pair_clear(&pairs[i]);
    fixture_close(&small);
}

static void signer__forgets(void **state)
{
    (void)state;
    CLEANUP(pair_clear) struct pair pair = fixture_generate(&fixture, ALG_ES256, "a");
    CLEANUP(pair_clear) struct pair other = fixture_generate(&fixture, ALG_ES256, "a");
    size_t before = signer_unsealed(fixture.signer);
    fixture_check_pair(&fixture, &pair);
    fixture_check_pair(&fixture, &other);
    assert_int_equal(signer_unsealed(fixture.signer), before + 2);
    signer_forget(fixture.signer, "another", jwk_kid(pair.public));
    signer_forget(fixture.signer, "a", "another");
    assert_true(fixture_holds(&fixture, &pair));
    signer_forget(fixture.signer, "a", jwk_kid(pair.public));
    assert_false(fixture_holds(&fixture, &pair));
    assert_true(fixture_holds(&fixture, &other));
    assert_int_equal(signer_unsealed(fixture.signer), before + 1);
}

struct generation {
    _Atomic bool stop;
    jwkd_status status;
};

static void *generate_for_ever(void *argument)
{
    struct generation *generation = argument;
    struct buffer sealed = {0};
    struct jwk *public = NULL;
    struct key_type huge = {
        .kty = KTY_RSA, .name = "RSA-16384", .openssl = "RSA", .bits = 16384}; /* minutes */
    generation->status =
        signer_generate(fixture.signer, &huge, ALG_RS256, "a", &generation->stop, &sealed, &public, NULL);
    return NULL;
}

static void signer__generate_stops_when_told(void **state)
{
    (void)state;
    struct generation generation = {0};
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, generate_for_ever, &generation), 0);
    /* Until it is well inside: nothing before the search for primes takes that much of a processor. */
    clockid_t clock;
    struct timespec used = {0};
    assert_int_equal(pthread_getcpuclockid(thread, &clock), 0);
    while (used.tv_sec == 0 && used.tv_nsec < 100 * 1000 * 1000) {
        sched_yield();
        assert_int_equal(clock_gettime(clock, &used), 0);
    }
    generation.stop = true;
    pthread_join(thread, NULL);
    assert_int_equal(generation.status, JWKD_CLOSED);
}

/* cmocka's assertions belong to the main thread, so the threads count what went wrong. */
enum { SIGNERS = 4, ROUNDS = 60, CROWD = 40, CROWD_ROUNDS = 6 };

struct load {
    struct pair pairs[3];
    unsigned rounds;
    _Atomic unsigned wrong, done;
};

static void *sign_again_and_again(void *argument)
{
    struct load *load = argument;
    for (unsigned i = 0; i < load->rounds; i++) {
        CLEANUP(buffer_clear) struct buffer signature = {0};
        const struct pair *pair = &load->pairs[i % 3];
        struct signer_key key = pair_key(pair);
        struct bytes input = bytes_of(&i, sizeof i);
        if (signer_sign(fixture.signer, &key, input, &signature) != JWKD_OK ||
            jwk_verify(pair->public, input, buffer_bytes(&signature)) != JWKD_OK)
            load->wrong++;
    }
    load->done++;
    return NULL;
}

static void signer__signs_while_keys_are_forgotten(void **state)
{
    (void)state;
    struct load load = {.rounds = ROUNDS};
    pthread_t threads[SIGNERS];
    load.pairs[0] = fixture_generate(&fixture, ALG_ES256, "f");
    load.pairs[1] = fixture_generate(&fixture, ALG_EDDSA, "f");
    load.pairs[2] = fixture_import(&fixture, "rsa-2048.pem", ALG_RS256, "f");
    for (size_t i = 0; i < SIGNERS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, sign_again_and_again, &load), 0);
    for (unsigned i = 0; load.done < SIGNERS; i++) {
        signer_forget(fixture.signer, "f", jwk_kid(load.pairs[i % 3].public));
        sched_yield();
    }
    for (size_t i = 0; i < SIGNERS; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(load.wrong, 0);
    for (size_t i = 0; i < 3; i++)
        signer_forget(fixture.signer, "f", jwk_kid(load.pairs[i].public));
    for (size_t i = 0; i < 3; i++)
        assert_false(fixture_holds(&fixture, &load.pairs[i]));
    for (size_t i = 0; i < 3; i++)
        pair_clear(&load.pairs[i]);
}

/* More threads than a key has slots. */
static void signer__serves_a_crowd(void **state)
{
    (void)state;
    struct load load = {.rounds = CROWD_ROUNDS};
    pthread_t threads[CROWD];
    load.pairs[0] = fixture_import(&fixture, "rsa-2048.pem", ALG_PS256, "ca");
    load.pairs[1] = fixture_import(&fixture, "rsa-2048.pem", ALG_RS512, "cb");
    load.pairs[2] = fixture_import(&fixture, "rsa-2048.pem", ALG_RS256, "cc");
    for (size_t i = 0; i < CROWD; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, sign_again_and_again, &load), 0);
    for (size_t i = 0; i < CROWD; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(load.wrong, 0);
    for (size_t i = 0; i < 3; i++)
        pair_clear(&load.pairs[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(signer__signs_with_every_algorithm_that_openssl_has),
        cmocka_unit_test(signer__signs_with_every_size_of_rsa),
        cmocka_unit_test(signer__generates_a_key_named_by_its_thumbprint),
        cmocka_unit_test(signer__generates_rsa),
        cmocka_unit_test(signer__generate_refuses_an_algorithm_for_other_keys),
        cmocka_unit_test(signer__appends_the_signature),
        cmocka_unit_test(signer__opens_a_key_for_its_owner_and_kid_only),
        cmocka_unit_test(signer__refuses_names_that_are_none),
        cmocka_unit_test(signer__refuses_an_algorithm_that_is_not_the_keys),
        cmocka_unit_test(signer__does_not_sign_pkcs1_with_a_pss_key),
        cmocka_unit_test(signer__takes_both_names_of_an_edwards_curve),
        cmocka_unit_test(signer__rebinds_to_another_owner),
        cmocka_unit_test(signer__pushes_out_the_least_recently_used),
        cmocka_unit_test(signer__forgets),
        cmocka_unit_test(signer__generate_stops_when_told),
        cmocka_unit_test(signer__signs_while_keys_are_forgotten),
        cmocka_unit_test(signer__serves_a_crowd),
    };
    return cmocka_run_group_tests_name("signer", tests, open_fixture, close_fixture);
}
