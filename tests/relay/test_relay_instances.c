#include "relay/instances.h"

#include "base/clock.h"
#include "wire/cases.h"

#include <stdio.h>

static const uint8_t BOOT[16] = {1}, OTHER_BOOT[16] = {2};
static const uint64_t NOW = 1000 * NS_PER_SEC;

struct id {
    uint8_t bytes[INSTANCES_ID];
};

static struct id id_number(unsigned number)
{
    struct id id = {{(uint8_t)(number >> 8), (uint8_t)number, 0xaa}};
    return id;
}

static bool hears(struct instances *instances, struct id id, const char *principal, uint64_t now_ns)
{
    return instances_hear(instances, bytes_of(id.bytes, sizeof id.bytes), principal, now_ns);
}

static struct instances *new_instances(size_t capacity)
{
    struct instances *instances = NULL;
    assert_int_equal(instances_new(capacity, 0, &instances), JWKD_OK);
    return instances;
}

static void instance__is_of_use_to_its_own_caller_only(void **state)
{
    (void)state;
    struct instances *instances = new_instances(0);
    const struct id id = id_number(7);
    instances_bind(instances, BOOT, id.bytes, "uid:1", "uid:1", NOW);
    assert_true(hears(instances, id, "uid:1", NOW));
    assert_false(hears(instances, id, "uid:2", NOW));
    assert_false(hears(instances, id, "uid:11", NOW));
    assert_false(hears(instances, id_number(8), "uid:1", NOW));
    assert_false(instances_hear(instances, bytes_of(id.bytes, 15), "uid:1", NOW));
    assert_false(instances_hear(instances, (struct bytes){0}, "uid:1", NOW));
    instances_free(instances);
}

/* Two callers whose names differ in their length and in their last character only. */
static void long_names(char longest[LIMIT_PRINCIPAL + 1], char shorter[LIMIT_PRINCIPAL + 1])
{
    memset(longest, 'p', LIMIT_PRINCIPAL);
    longest[LIMIT_PRINCIPAL] = '\0';
    memcpy(shorter, longest, LIMIT_PRINCIPAL - 1);
    shorter[LIMIT_PRINCIPAL - 1] = '\0';
    assert_int_equal(strlen(longest), 400);
}

static void instance__tells_callers_of_long_names_apart(void **state)
{
    (void)state;
    struct instances *instances = new_instances(0);
    char longest[LIMIT_PRINCIPAL + 1], shorter[LIMIT_PRINCIPAL + 1];
    long_names(longest, shorter);
    instances_bind(instances, BOOT, id_number(1).bytes, longest, "uid:1", NOW);
    instances_bind(instances, BOOT, id_number(2).bytes, shorter, "uid:1", NOW);
    assert_true(hears(instances, id_number(1), longest, NOW));
    assert_true(hears(instances, id_number(2), shorter, NOW));
    assert_false(hears(instances, id_number(1), shorter, NOW));
    assert_false(hears(instances, id_number(2), longest, NOW));
    instances_bind(instances, BOOT, id_number(2).bytes, longest, "uid:1", NOW); /* it is another's now */
    assert_false(hears(instances, id_number(2), shorter, NOW));
    assert_true(hears(instances, id_number(2), longest, NOW));
    instances_free(instances);
}

static void instance__ends_with_the_run_of_the_service(void **state)
{
    (void)state;
    struct instances *instances = new_instances(0);
    instances_bind(instances, BOOT, id_number(1).bytes, "uid:1", "uid:1", NOW);
    instances_bind(instances, OTHER_BOOT, id_number(2).bytes, "uid:1", "uid:1", NOW);
    assert_false(hears(instances, id_number(1), "uid:1", NOW));
    assert_true(hears(instances, id_number(2), "uid:1", NOW));
    instances_free(instances);
}

static void instance__is_kept_while_it_is_heard_of(void **state)
{
    (void)state;
    const uint64_t kept_ns = INSTANCES_KEPT_SEC * NS_PER_SEC;
    struct instances *instances = new_instances(0);
    instances_bind(instances, BOOT, id_number(1).bytes, "uid:1", "uid:1", NOW);
    instances_bind(instances, BOOT, id_number(2).bytes, "uid:1", "uid:1", NOW);
    assert_true(hears(instances, id_number(1), "uid:1", NOW + kept_ns));
    assert_true(instances_may_bind(instances, "uid:1", NOW + kept_ns + 1));
    assert_true(hears(instances, id_number(1), "uid:1", NOW + kept_ns + 1));
    assert_false(hears(instances, id_number(2), "uid:1", NOW + kept_ns + 1));
    instances_free(instances);
}

/* A caller may have as many places as stay free for all others: half of an empty table, and never the last
 * place. */
static void caller__has_a_fair_share(void **state)
{
    (void)state;
    struct instances *instances = new_instances(100);
    unsigned number = 0;
    while (instances_may_bind(instances, "uid:1", NOW))
        instances_bind(instances, BOOT, id_number(number++).bytes, "uid:1", "uid:1", NOW);
    assert_int_equal(number, 50);
    while (instances_may_bind(instances, "uid:2", NOW))
        instances_bind(instances, BOOT, id_number(number++).bytes, "uid:2", "uid:2", NOW);
    assert_int_equal(number, 75);
    assert_true(instances_may_bind(instances, "uid:3", NOW));
    assert_true(hears(instances, id_number(0), "uid:1", NOW));
    assert_true(hears(instances, id_number(74), "uid:2", NOW));
    instances_free(instances);
}

/* A caller has such a share, too, of the environments followed behind the relay, which are counted for each
 * instance. */
static void followings__are_shared(void **state)
{
    (void)state;
    struct instances *instances = NULL;
    const struct id one = id_number(1), two = id_number(2), other = id_number(3);
    const struct bytes first = bytes_of(one.bytes, sizeof one.bytes);
    const struct bytes second = bytes_of(two.bytes, sizeof two.bytes);
    const struct bytes third = bytes_of(other.bytes, sizeof other.bytes);
    const char *const many[] = {"a", "b", "c", "d", "e", "f"};
    assert_int_equal(instances_new(10, 8, &instances), JWKD_OK);
    instances_bind(instances, BOOT, one.bytes, "anonymous", "10.0.0.1", NOW);
    instances_bind(instances, BOOT, two.bytes, "anonymous", "10.0.0.1", NOW);
    instances_bind(instances, BOOT, other.bytes, "anonymous", "10.0.0.2", NOW);
    assert_true(instances_follow_only(instances, first, many, 3));
    assert_true(instances_follow(instances, second, "a"));
    assert_true(instances_follow(instances, second, "a")); /* which is not one more */
    assert_false(instances_follow(instances, second, "b"));
    assert_false(instances_follow_only(instances, first, many, 6));
    assert_true(instances_follow_only(instances, third, many, 2)); /* for another address there are some */
    assert_false(instances_follow_only(instances, third, many, 6));
    assert_true(instances_follow_only(instances, first, many, 1)); /* what is left is for others again */
    assert_true(instances_follow(instances, second, "b"));
    instances_free(instances);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(instance__is_of_use_to_its_own_caller_only),
        cmocka_unit_test(instance__tells_callers_of_long_names_apart),
        cmocka_unit_test(instance__ends_with_the_run_of_the_service),
        cmocka_unit_test(instance__is_kept_while_it_is_heard_of),
        cmocka_unit_test(caller__has_a_fair_share),
        cmocka_unit_test(followings__are_shared),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
