/* ROCA's fingerprint (CVE-2017-15361). Infineon's RSALib made primes p = k M + (65537^a mod M), with M the
 * product of the first n primes, n at least 39: Nemec, Sys, Svenda, Klinec, Matyas, "The Return of
 * Coppersmith's Attack", ACM CCS 2017, sections 2.1 and 2.2. So 65537 has a discrete logarithm to such a
 * modulus modulo M, which one other modulus of 2^154 has by chance (section 2.3). */
#include "jose/key_parts.h"

/* Of the first 39 primes; modulo 2 every modulus is 1. */
static const uint8_t PRIMES[] = {3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73,
    79, 83, 89, 97, 101, 103, 107, 109, 113, 127, 131, 137, 139, 149, 151, 157, 163, 167};
enum { PRIME_COUNT = sizeof PRIMES, GENERATOR = 65537 };

/* An exponent, known but for multiples of `order`. */
struct exponent {
    unsigned value, order;
};

static unsigned remainder_of(struct bytes number, unsigned prime)
{
    unsigned rest = 0;
    for (size_t i = 0; i < number.size; i++)
        rest = (rest << 8 | number.data[i]) % prime;
    return rest;
}

/* The logarithm to the base 65537 modulo a prime, by trying all; false: there is none. */
static bool discrete_log(unsigned number, unsigned prime, struct exponent *out)
{
    bool found = false;
    unsigned power = 1, exponent = 0;
    do {
        if (power == number) {
            out->value = exponent;
            found = true;
        }
        power = power * (GENERATOR % prime) % prime;
        exponent++;
    } while (power != 1);
    out->order = exponent;
    return found;
}

static unsigned greatest_common_divisor(unsigned a, unsigned b)
{
    return b ? greatest_common_divisor(b, a % b) : a;
}

/* Whether one number can be both: the general Chinese remainder theorem. */
static bool agree(struct exponent a, struct exponent b)
{
    unsigned common = greatest_common_divisor(a.order, b.order);
    return a.value % common == b.value % common;
}

bool jwk_has_roca(struct bytes modulus)
{
    struct exponent exponents[PRIME_COUNT];
    for (size_t i = 0; i < PRIME_COUNT; i++) {
        if (!discrete_log(remainder_of(modulus, PRIMES[i]), PRIMES[i], &exponents[i])) return false;
        for (size_t j = 0; j < i; j++)
            if (!agree(exponents[i], exponents[j])) return false;
    }
    return true;
}
