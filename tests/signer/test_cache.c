/* The cache by itself, for what no caller of the signer can bring about at will: two threads with the same
 * key. */
#include "signer/fixture.h"

#include "signer/cache.h"

static struct unsealed *unseal(const char *kid)
{
    static const uint8_t MATERIAL[] = {2, [32] = 7}; /* P-256, a small scalar */
    struct binding name;
    struct unsealed *out;
    assert_int_equal(binding_make("a", kid, &name), JWKD_OK);
    assert_int_equal(unsealed_new(bytes_of(MATERIAL, sizeof MATERIAL), ALG_ES256, &name, &out), JWKD_OK);
    return out;
}

static struct cache open_cache(size_t limit)
{
    struct cache cache;
    assert_int_equal(cache_init(&cache, limit), JWKD_OK);
    return cache;
}

static struct unsealed *add(struct cache *cache, const char *kid)
{
    uint64_t moment;
    struct unsealed *fresh = unseal(kid);
    assert_null(cache_find(cache, &fresh->name, &moment));
    struct unsealed *chosen = cache_add(cache, fresh, moment);
    assert_ptr_equal(chosen, fresh);
    return chosen;
}

static void cache__takes_the_key_that_came_first(void **state)
{
    (void)state;
    CLEANUP(cache_clear) struct cache cache = open_cache(4);
    uint64_t moment;
    CLEANUP(unsealed_unref_at) struct unsealed *slow = unseal("k");
    assert_null(cache_find(&cache, &slow->name, &moment));
    CLEANUP(unsealed_unref_at) struct unsealed *fast = add(&cache, "k");
    struct unsealed *mine = TAKE(slow);
    slow = cache_add(&cache, mine, moment);
    assert_ptr_equal(slow, fast);
    assert_int_equal(cache_count(&cache), 1);
}

static void cache__does_not_keep_what_was_forgotten_while_it_was_unsealed(void **state)
{
    (void)state;
    CLEANUP(cache_clear) struct cache cache = open_cache(4);
    uint64_t moment;
    CLEANUP(unsealed_unref_at) struct unsealed *key = unseal("k");
    assert_null(cache_find(&cache, &key->name, &moment));
    cache_forget(&cache, &key->name);
    struct unsealed *mine = TAKE(key);
    key = cache_add(&cache, mine, moment);
    assert_ptr_equal(key, mine);
    assert_int_equal(cache_count(&cache), 0);
    assert_int_equal(key->references, 1);
}

static void cache__pushes_out_only_what_is_idle(void **state)
{
    (void)state;
    CLEANUP(cache_clear) struct cache cache = open_cache(4);
    struct unsealed *in_use = add(&cache, "in-use"), *idle = add(&cache, "idle"), *kept = add(&cache, "kept");
    struct binding kept_name = kept->name;
    unsealed_unref(idle);
    unsealed_unref(kept);
    assert_true(cache_push_out(&cache, &kept_name));
    assert_false(cache_push_out(&cache, &kept_name));
    assert_int_equal(cache_count(&cache), 2);
    assert_true(cache_push_out(&cache, NULL));
    assert_false(cache_push_out(&cache, NULL));
    assert_int_equal(cache_count(&cache), 1);
    unsealed_unref(in_use);
    assert_true(cache_push_out(&cache, NULL));
}

static void cache__leaves_a_key_that_is_in_use_alive(void **state)
{
    (void)state;
    CLEANUP(cache_clear) struct cache cache = open_cache(1);
    CLEANUP(buffer_clear) struct buffer signature = {0};
    CLEANUP(unsealed_unref_at) struct unsealed *first = add(&cache, "first");
    CLEANUP(unsealed_unref_at) struct unsealed *second = add(&cache, "second");
    assert_int_equal(cache_count(&cache), 1);
    cache_forget(&cache, &second->name);
    assert_int_equal(cache_count(&cache), 0);
    assert_int_equal(unsealed_sign(first, bytes_of_text("x"), &signature), JWKD_OK);
    assert_int_equal(unsealed_sign(second, bytes_of_text("x"), &signature), JWKD_OK);
    assert_int_equal(signature.size, 128);
}

/* Many names in few buckets. */
static void cache__finds_and_forgets_among_many(void **state)
{
    (void)state;
    enum { MANY = 60 };
    CLEANUP(cache_clear) struct cache cache = open_cache(MANY);
    cache.bucket_count = 4;
    char kid[16];
    struct binding name;
    uint64_t moment;
    for (int i = 0; i < MANY; i++) {
        snprintf(kid, sizeof kid, "k%d", i);
        unsealed_unref(add(&cache, kid));
    }
    for (int i = 0; i < MANY; i += 3) {
        snprintf(kid, sizeof kid, "k%d", i);
        assert_int_equal(binding_make("a", kid, &name), JWKD_OK);
        cache_forget(&cache, &name);
    }
    assert_int_equal(cache_count(&cache), MANY - MANY / 3);
    for (int i = 0; i < MANY; i++) {
        snprintf(kid, sizeof kid, "k%d", i);
        assert_int_equal(binding_make("a", kid, &name), JWKD_OK);
        CLEANUP(unsealed_unref_at) struct unsealed *found = cache_find(&cache, &name, &moment);
        assert_int_equal(found != NULL, i % 3 != 0);
        if (found) assert_true(bytes_equal(binding_bytes(&found->name), binding_bytes(&name)));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cache__takes_the_key_that_came_first),
        cmocka_unit_test(cache__does_not_keep_what_was_forgotten_while_it_was_unsealed),
        cmocka_unit_test(cache__pushes_out_only_what_is_idle),
        cmocka_unit_test(cache__leaves_a_key_that_is_in_use_alive),
        cmocka_unit_test(cache__finds_and_forgets_among_many),
    };
    return cmocka_run_group_tests_name("cache", tests, NULL, NULL);
}
