#include "events/fixture.h"

#include <stdlib.h>

static void on_change(void *context)
{
    struct fixture *fixture = context;
    fixture->changes++;
    /* Under no lock: it may ask again. */
    registry_count(fixture->registry, 0, 1, fixture->now);
}

int setup(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    if (!fixture) return -1;
    const uint64_t started = 5 * NS_PER_SEC;
    fixture->now = started + 3600 * NS_PER_SEC;
    struct registry_options options = {
        .max_lease_ms = MAX_LEASE_MS, .started_ns = started, .on_change = on_change, .context = fixture};
    *state = fixture;
    return registry_new(&options, &fixture->registry) == JWKD_OK ? 0 : -1;
}

int teardown(void **state)
{
    struct fixture *fixture = *state;
    registry_free(fixture->registry);
    free(fixture);
    return 0;
}

void pass_ms(struct fixture *fixture, uint64_t ms)
{
    fixture->now += ms * NS_PER_MS;
}

static struct instance join_with(struct fixture *fixture, struct registry_wish wish)
{
    struct instance instance = {.principal = wish.principal};
    uint32_t lease_ms;
    jwkd_error error = {0};
    assert_ok(registry_hello(fixture->registry, &wish, fixture->now, instance.id, &lease_ms, &error));
    return instance;
}

struct instance join(struct fixture *fixture, const char *principal, const char *name)
{
    return join_with(fixture, (struct registry_wish){.principal = principal, .name = name});
}

struct instance join_stale(struct fixture *fixture, const char *principal, const char *name)
{
    return join_with(
        fixture, (struct registry_wish){.principal = principal, .name = name, .serves_stale = true});
}

const char *name_of(uint64_t environment_id)
{
    return environment_id == SHOP ? "shop" : "cafe";
}

jwkd_status follow(struct fixture *fixture, struct instance *instance, uint64_t environment_id)
{
    return registry_follow(fixture->registry, bytes_of(instance->id, REGISTRY_ID), instance->principal,
        ++instance->sequence, name_of(environment_id), environment_id, fixture->now, NULL);
}

jwkd_status renew_as(struct fixture *fixture, const struct instance *instance, const char *principal,
    uint64_t sequence, uint64_t shop, uint64_t cafe)
{
    struct registry_held held[2];
    size_t count = 0;
    if (shop != NOT_LISTED) held[count++] = (struct registry_held){.environment_id = SHOP, .revision = shop};
    if (cafe != NOT_LISTED) held[count++] = (struct registry_held){.environment_id = CAFE, .revision = cafe};
    return registry_renew(fixture->registry, bytes_of(instance->id, REGISTRY_ID), principal, sequence, held,
        count, fixture->now, NULL);
}

jwkd_status renew(struct fixture *fixture, struct instance *instance, uint64_t shop, uint64_t cafe)
{
    return renew_as(fixture, instance, instance->principal, ++instance->sequence, shop, cafe);
}
