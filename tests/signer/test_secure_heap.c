/* With OpenSSL's secure heap set up, and much too small for all the keys. In a program of its own, for it is
 * set up once. */
#include "signer/fixture.h"

#include <fcntl.h>
#include <inttypes.h>
#include <openssl/crypto.h>
#include <openssl/rand.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <unistd.h>

#include "jose/base64url.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED 1
#endif
#endif
#ifndef SANITIZED
#define SANITIZED 0
#endif

enum { HEAP = 64 * 1024, KEYS = 96, THREADS = 6 }; /* an RSA-2048 key takes some 900 bytes of it */

static struct fixture fixture;
static struct pair pairs[KEYS];

static int open_fixture(void **state)
{
    (void)state;
    fixture_open(&fixture, 0);
    pairs[0] = fixture_import(&fixture, "rsa-2048.pem", ALG_RS256, "0");
    for (int i = 1; i < KEYS; i++) {
        struct signer_key key = pair_key(&pairs[0]);
        snprintf(pairs[i].owner, sizeof pairs[i].owner, "%d", i);
        pairs[i].public = jwk_ref(pairs[0].public);
        assert_int_equal(signer_rebind(fixture.signer, &key, pairs[i].owner, &pairs[i].sealed), JWKD_OK);
    }
    return 0;
}

static int close_fixture(void **state)
{
    (void)state;
    for (int i = 0; i < KEYS; i++)
        pair_clear(&pairs[i]);
    fixture_close(&fixture);
    return 0;
}

static void secure_heap__is_set_up_once(void **state)
{
    (void)state;
    bool locked;
    assert_int_equal(signer_secure_heap(HEAP, &locked), JWKD_FAILED_PRECONDITION);
}

static void secure_heap__holds_the_unsealed_keys(void **state)
{
    (void)state;
    fixture_check_pair(
        &fixture, &pairs[0]); /* OpenSSL's generator of random numbers takes its own share now */
    signer_forget(fixture.signer, pairs[0].owner, jwk_kid(pairs[0].public));
    size_t before = CRYPTO_secure_used();
    fixture_check_pair(&fixture, &pairs[0]);
    assert_true(CRYPTO_secure_used() >= before + 800);
    signer_forget(fixture.signer, pairs[0].owner, jwk_kid(pairs[0].public));
    assert_int_equal(CRYPTO_secure_used(), before);
}

static void secure_heap__makes_room_when_it_is_full(void **state)
{
    (void)state;
    for (int i = 0; i < 2 * KEYS; i++)
        fixture_check_pair(&fixture, &pairs[i % KEYS]);
    size_t held = signer_unsealed(fixture.signer);
    assert_true(held > 8);
    assert_true(held < KEYS);
    assert_true(fixture_holds(&fixture, &pairs[KEYS - 1]));
    assert_false(fixture_holds(&fixture, &pairs[0]));

    CLEANUP(pair_clear) struct pair made = fixture_generate(&fixture, ALG_ES256, "x");
    CLEANUP(pair_clear) struct pair brought = fixture_import(&fixture, "rsa-4096.jwk", ALG_RS256, "x");
    fixture_check_pair(&fixture, &made);
    fixture_check_pair(&fixture, &brought);
}

/* What is computed for a key of n, e and d alone leaves nothing behind. */
static void secure_heap__is_given_back_by_an_import(void **state)
{
    (void)state;
    CLEANUP(buffer_clear) struct buffer whole = fixture_read("rsa-2048.jwk"), text = {0};
    assert_int_equal(buffer_append(&whole, "", 1), JWKD_OK);
    const char *n = strstr((char *)whole.data, "\"n\""), *d = strstr((char *)whole.data, "\"d\"");
    assert_int_equal(buffer_append_format(&text, "{\"kty\":\"RSA\",\"e\":\"AQAB\",%.*s,%.*s}",
                         (int)(strchr(n, ',') - n), n, (int)(strchr(d, ',') - d), d),
        JWKD_OK);
    CLEANUP(pair_clear) struct pair pair = {.owner = "n"};
    for (int round = 0; round < 2; round++) {
        size_t before = CRYPTO_secure_used();
        buffer_clear(&pair.sealed);
        jwk_unref(pair.public);
        pair.public = NULL;
        assert_int_equal(signer_import(fixture.signer, buffer_bytes(&text), ALG_NONE, ALG_NONE, "n",
                             &pair.sealed, &pair.public, NULL),
            JWKD_OK);
        if (round) assert_int_equal(CRYPTO_secure_used(), before);
    }
    fixture_check_pair(&fixture, &pair);
    signer_forget(fixture.signer, "n", jwk_kid(pair.public));
}

static size_t take_the_rest(void *out[HEAP / 32])
{
    size_t count = 0;
    for (size_t size = HEAP; size >= 32; size /= 2)
        for (void *block; (block = OPENSSL_secure_malloc(size)) != NULL;)
            out[count++] = block;
    return count;
}

/* Every operation when not one block is left. */
static void secure_heap__makes_room_for_everything(void **state)
{
    (void)state;
    static const enum alg ALGS[] = {ALG_ES256, ALG_ES512, ALG_ES256K, ALG_EDDSA, ALG_ED448};
    for (size_t i = 0; i < sizeof ALGS / sizeof *ALGS; i++) {
        for (int key = 0; key < KEYS; key++)
            fixture_check_pair(&fixture, &pairs[key]);
        void *rest[HEAP / 32];
        size_t count = take_the_rest(rest);
        CLEANUP(pair_clear) struct pair pair = fixture_generate(&fixture, ALGS[i], "y");
        fixture_check_pair(&fixture, &pair);
        CLEANUP(pair_clear) struct pair moved = {.owner = "z", .public = jwk_ref(pair.public)};
        struct signer_key key = pair_key(&pair);
        assert_int_equal(signer_rebind(fixture.signer, &key, "z", &moved.sealed), JWKD_OK);
        fixture_check_pair(&fixture, &moved);
        while (count)
            OPENSSL_secure_free(rest[--count]);
    }
}

static void secure_heap__says_so_when_there_is_no_room_at_all(void **state)
{
    (void)state;
    struct fixture other;
    for (int i = 0; i < KEYS; i++)
        signer_forget(fixture.signer, pairs[i].owner, jwk_kid(pairs[i].public));
    fixture_open(&other, 0);
    CLEANUP(pair_clear) struct pair pair = fixture_import(&other, "rsa-2048.pem", ALG_RS256, "0");
    void *rest[HEAP / 32];
    size_t count = take_the_rest(rest);
    struct buffer signature = {0};
    struct signer_key key = pair_key(&pair);
    assert_int_equal(signer_sign(other.signer, &key, bytes_of_text("x"), &signature), JWKD_NO_MEMORY);
    assert_int_equal(signature.size, 0);
    while (count)
        OPENSSL_secure_free(rest[--count]);
    fixture_check_pair(&other, &pair);
    fixture_close(&other);
}

struct load {
    _Atomic unsigned next, wrong;
};

static void *sign_in_turn(void *argument)
{
    struct load *load = argument;
    for (unsigned i; (i = load->next++) < 4 * KEYS;) {
        CLEANUP(buffer_clear) struct buffer signature = {0};
        const struct pair *pair = &pairs[i * 7 % KEYS];
        struct signer_key key = pair_key(pair);
        struct bytes input = bytes_of(&i, sizeof i);
        if (signer_sign(fixture.signer, &key, input, &signature) != JWKD_OK ||
            jwk_verify(pair->public, input, buffer_bytes(&signature)) != JWKD_OK)
            load->wrong++;
    }
    return NULL;
}

static void secure_heap__makes_room_for_many_threads(void **state)
{
    (void)state;
    struct load load = {0};
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, sign_in_turn, &load), 0);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(load.wrong, 0);
}

/* Threads with one key, when memory has no room for more slots than the key's first: they take turns. */

struct queue {
    pthread_barrier_t warm, go;
    const struct pair *pair;
    _Atomic unsigned wrong;
};

static void *sign_by_turns(void *argument)
{
    struct queue *queue = argument;
    struct signer_key key = pair_key(queue->pair);
    for (int i = 0; i < 20; i++) {
        CLEANUP(buffer_clear) struct buffer signature = {0};
        if (i == 1) { /* OpenSSL's generator of random numbers has to have what it needs for this thread;
                         signing alone need not ask it */
            uint8_t byte;
            if (RAND_priv_bytes(&byte, sizeof byte) != 1) queue->wrong++;
            pthread_barrier_wait(&queue->warm);
            pthread_barrier_wait(&queue->go);
        }
        if (signer_sign(fixture.signer, &key, bytes_of_text("x"), &signature) != JWKD_OK) queue->wrong++;
    }
    return NULL;
}

static void secure_heap__makes_threads_take_turns_when_it_has_no_room_for_more(void **state)
{
    (void)state;
    for (int i = 0; i < KEYS; i++)
        signer_forget(fixture.signer, pairs[i].owner, jwk_kid(pairs[i].public));
    CLEANUP(pair_clear) struct pair pair = fixture_import(&fixture, "rsa-4096.pem", ALG_RS256, "turns");
    struct queue queue = {.pair = &pair};
    pthread_t threads[THREADS];
    void *rest[HEAP / 32];
    pthread_barrier_init(&queue.warm, NULL, THREADS + 1);
    pthread_barrier_init(&queue.go, NULL, THREADS + 1);
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, sign_by_turns, &queue), 0);
    pthread_barrier_wait(&queue.warm);
    signer_forget(fixture.signer, "turns", jwk_kid(pair.public));
    fixture_check_pair(&fixture, &pair); /* unsealed anew, so that it has one slot */
    size_t count = take_the_rest(rest);
    pthread_barrier_wait(&queue.go);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    while (count)
        OPENSSL_secure_free(rest[--count]);
    assert_int_equal(queue.wrong, 0);
}

/* ---- what stays behind: the process looks through its own memory for a private exponent */

enum { NEEDLE = 24, MASK = 0x5a, WINDOW = 64 * 1024 };

static struct {
    uint8_t masked[2][NEEDLE]; /* as it is written down, and as BIGNUMs hold it; masked, not to find this */
    uint8_t window[WINDOW];
    unsigned in_secure_heap, elsewhere;
} scan;

static void learn_needle(const char *file)
{
    CLEANUP(buffer_clear) struct buffer text = fixture_read(file);
    CLEANUP(secret_clear) struct secret exponent = {0};
    assert_int_equal(buffer_append(&text, "", 1), JWKD_OK);
    const char *begin = strstr((char *)text.data, "\"d\": \"") + 6;
    struct bytes encoded = bytes_of(begin, (size_t)(strchr(begin, '"') - begin));
    assert_int_equal(secret_init(&exponent, base64url_decoded_size(encoded.size)), JWKD_OK);
    assert_int_equal(base64url_decode(encoded, exponent.data, &exponent.size), JWKD_OK);
    const uint8_t *piece = exponent.data + 64; /* a multiple of a BIGNUM's word from the end */
    for (int i = 0; i < NEEDLE; i++) {
        scan.masked[0][i] = piece[i] ^ MASK;
        scan.masked[1][NEEDLE - 1 - i] = piece[i] ^ MASK;
    }
}

static bool is_needle(const uint8_t *at, const uint8_t *masked)
{
    int i = 0;
    while (i < NEEDLE && (at[i] ^ MASK) == masked[i])
        i++;
    return i == NEEDLE;
}

static void search_window(uintptr_t address, size_t size)
{
    for (size_t i = 0; i + NEEDLE <= size; i++) {
        if (!is_needle(scan.window + i, scan.masked[0]) && !is_needle(scan.window + i, scan.masked[1]))
            continue;
        if (CRYPTO_secure_allocated((const void *)(address + i)))
            scan.in_secure_heap++;
        else
            scan.elsewhere++;
    }
}

static void search_region(int memory, uintptr_t begin, uintptr_t end)
{
    for (uintptr_t at = begin; at + NEEDLE <= end; at += WINDOW - NEEDLE) {
        /* A window over the window itself would find what it has just read. */
        uintptr_t own = (uintptr_t)scan.window;
        if (at < own + WINDOW && own < at + WINDOW) continue;
        ssize_t size = pread(memory, scan.window, end - at < WINDOW ? end - at : WINDOW, (off_t)at);
        if (size > 0) search_window(at, (size_t)size);
        OPENSSL_cleanse(scan.window, sizeof scan.window);
    }
}

static void search_memory(void)
{
    FILE *maps = fopen("/proc/self/maps", "r");
    int memory = open("/proc/self/mem", O_RDONLY);
    assert_non_null(maps);
    assert_true(memory >= 0);
    scan.in_secure_heap = scan.elsewhere = 0;
    char line[512];
    while (fgets(line, sizeof line, maps)) {
        uintptr_t begin, end;
        char mode[8];
        assert_int_equal(sscanf(line, "%" SCNxPTR "-%" SCNxPTR " %7s", &begin, &end, mode), 3);
        if (mode[0] == 'r' && mode[1] == 'w') search_region(memory, begin, end);
    }
    close(memory);
    fclose(maps);
}

static void secure_heap__leaves_nothing_behind(void **state)
{
    (void)state;
    if (SANITIZED || access("/proc/self/mem", R_OK) != 0) skip(); /* sanitizers keep what was freed */
    learn_needle("rsa-3072.jwk");
    search_memory();
    assert_int_equal(scan.in_secure_heap + scan.elsewhere, 0);

    static const char *const FILES[] = {"rsa-3072.jwk", "rsa-3072.pem"};
    for (size_t i = 0; i < 2; i++) {
        CLEANUP(pair_clear) struct pair pair = fixture_import(&fixture, FILES[i], ALG_PS256, "n");
        search_memory();
        assert_int_equal(scan.in_secure_heap, 0);
        assert_int_equal(scan.elsewhere, 0);
        fixture_check_pair(&fixture, &pair);
        search_memory();
        assert_int_equal(scan.in_secure_heap, 1);
        assert_int_equal(scan.elsewhere, 0);
        signer_forget(fixture.signer, "n", jwk_kid(pair.public));
        search_memory();
        assert_int_equal(scan.in_secure_heap, 0);
        assert_int_equal(scan.elsewhere, 0);
    }
}

int main(void)
{
    bool locked = false;
    if (signer_secure_heap(HEAP, &locked) != JWKD_OK) return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(secure_heap__is_set_up_once),
        cmocka_unit_test(secure_heap__holds_the_unsealed_keys),
        cmocka_unit_test(secure_heap__leaves_nothing_behind),
        cmocka_unit_test(secure_heap__is_given_back_by_an_import),
        cmocka_unit_test(secure_heap__makes_room_when_it_is_full),
        cmocka_unit_test(secure_heap__makes_room_for_everything),
        cmocka_unit_test(secure_heap__says_so_when_there_is_no_room_at_all),
        cmocka_unit_test(secure_heap__makes_room_for_many_threads),
        cmocka_unit_test(secure_heap__makes_threads_take_turns_when_it_has_no_room_for_more),
    };
    return cmocka_run_group_tests_name("secure_heap", tests, open_fixture, close_fixture);
}
