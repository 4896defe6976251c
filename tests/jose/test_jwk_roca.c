/* ROCA's fingerprint: moduli that were made to have it, moduli that miss it narrowly, and ordinary ones. */
#include <openssl/bn.h>
#include <openssl/rand.h>

#include "jose/key_parts.h"
#include "jose/support.h"

enum { BYTES_MOST = 1024 };

static const uint8_t PRIMES[] = {2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71,
    73, 79, 83, 89, 97, 101, 103, 107, 109, 113, 127, 131, 137, 139, 149, 151, 157, 163, 167};
enum { PRIME_COUNT = sizeof PRIMES };

static BN_CTX *context;
static BIGNUM *primorial;

static int setup(void **state)
{
    (void)state;
    context = BN_CTX_new();
    primorial = BN_new();
    assert_int_equal(1, BN_set_word(primorial, 1));
    for (size_t i = 0; i < PRIME_COUNT; i++)
        assert_int_equal(1, BN_mul_word(primorial, PRIMES[i]));
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    BN_free(primorial);
    BN_CTX_free(context);
    return 0;
}

/* k M + remainder, of `bits` bits, for a random k. */
static bool is_found(const BIGNUM *remainder, int bits)
{
    uint8_t bytes[BYTES_MOST];
    BIGNUM *modulus = BN_new(), *rest = BN_new();
    assert_int_equal(1, BN_rand(modulus, bits, BN_RAND_TOP_TWO, BN_RAND_BOTTOM_ANY));
    assert_int_equal(1, BN_mod(rest, modulus, primorial, context));
    assert_int_equal(1, BN_sub(modulus, modulus, rest));
    assert_int_equal(1, BN_add(modulus, modulus, remainder));
    int size = BN_bn2bin(modulus, bytes);
    BN_free(modulus);
    BN_free(rest);
    return jwk_has_roca(bytes_of(bytes, (size_t)size));
}

static void roca__is_found_whatever_the_exponent(void **state)
{
    (void)state;
    static const int SIZES[] = {2048, 3072, 4096, 8192};
    BIGNUM *generator = BN_new(), *exponent = BN_new(), *power = BN_new();
    assert_int_equal(1, BN_set_word(generator, 65537));
    for (int i = 0; i < 100; i++) {
        assert_int_equal(1, i < 3 ? BN_set_word(exponent, (BN_ULONG)i) : BN_rand(exponent, 200, -1, 0));
        assert_int_equal(1, BN_mod_exp(power, generator, exponent, primorial, context));
        assert_true(is_found(power, SIZES[i % 4]));
    }
    BN_free(generator);
    BN_free(exponent);
    BN_free(power);
}

/* Modulo each prime a power of 65537, but of another exponent: the older test, prime by prime, finds these.
 */
static void roca__is_not_seen_in_powers_of_many_exponents(void **state)
{
    (void)state;
    BIGNUM *number = BN_new(), *step = BN_new();
    for (int round = 0; round < 100; round++) {
        assert_int_equal(1, BN_one(number) && BN_set_word(step, 2));
        for (size_t i = 1; i < PRIME_COUNT; i++) {
            uint8_t exponent;
            assert_int_equal(1, RAND_bytes(&exponent, 1));
            BN_ULONG wanted = 1;
            for (unsigned j = 0; j < exponent; j++)
                wanted = wanted * 65537 % PRIMES[i];
            while (BN_mod_word(number, PRIMES[i]) != wanted)
                assert_int_equal(1, BN_add(number, number, step));
            assert_int_equal(1, BN_mul_word(step, PRIMES[i]));
        }
        assert_false(is_found(number, 2048));
    }
    BN_free(number);
    BN_free(step);
}

static void roca__is_not_seen_in_ordinary_numbers(void **state)
{
    (void)state;
    uint8_t bytes[256];
    for (int i = 0; i < 100 * 1000; i++) {
        assert_int_equal(1, RAND_bytes(bytes, sizeof bytes));
        bytes[0] |= 0x80;
        bytes[sizeof bytes - 1] |= 1;
        assert_false(jwk_has_roca(bytes_of(bytes, sizeof bytes)));
    }
}

static void roca__is_refused_in_a_key_but_not_in_one_that_was_taken_in(void **state)
{
    (void)state;
    CLEANUP(EVP_PKEY_free_at) EVP_PKEY *pkey = private_key(ALG_RS256, 2048);
    CLEANUP(jwk_unref_at) struct jwk *ordinary = public_key(pkey, ALG_RS256, NULL), *again = NULL;
    CLEANUP(free_at) char *weak = fixture("keys/rsa-2048-roca-public.jwk");
    struct jwk *none = NULL;
    jwkd_error error = {0};
    assert_non_null(ordinary);
    assert_status(JWKD_INVALID_ARGUMENT,
        jwk_from_json(B(weak), &(struct jwk_rules){.default_alg = ALG_RS256}, &none, &error));
    assert_non_null(strstr(error.message, "CVE-2017-15361"));
    assert_ok(jwk_from_json(
        B(weak), &(struct jwk_rules){.default_alg = ALG_RS256, .taken_in = true}, &again, NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(roca__is_found_whatever_the_exponent),
        cmocka_unit_test(roca__is_not_seen_in_powers_of_many_exponents),
        cmocka_unit_test(roca__is_not_seen_in_ordinary_numbers),
        cmocka_unit_test(roca__is_refused_in_a_key_but_not_in_one_that_was_taken_in),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
