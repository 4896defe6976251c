/* A registry whose clock the test moves, and subscribers of it. */
#ifndef TESTS_EVENTS_FIXTURE_H
#define TESTS_EVENTS_FIXTURE_H

#include "wire/cases.h"

#include "base/clock.h"
#include "events/registry.h"

enum { MAX_LEASE_MS = 30000, SHOP = 7, CAFE = 9 };

struct fixture {
    struct registry *registry;
    uint64_t now; /* set by setup() to an hour after the registry's start */
    unsigned changes;
};

struct instance {
    uint8_t id[REGISTRY_ID];
    const char *principal;
    uint64_t sequence;
};

int setup(void **state);
int teardown(void **state);
void pass_ms(struct fixture *fixture, uint64_t ms);

/* Both take the registry's answer to be OK. */
struct instance join(struct fixture *fixture, const char *principal, const char *name);
struct instance join_stale(struct fixture *fixture, const char *principal, const char *name);

const char *name_of(uint64_t environment_id);
jwkd_status follow(struct fixture *fixture, struct instance *instance, uint64_t environment_id);
/* Renews holding these revisions of SHOP and CAFE; NOT_LISTED leaves one out. */
#define NOT_LISTED UINT64_MAX
jwkd_status renew(struct fixture *fixture, struct instance *instance, uint64_t shop, uint64_t cafe);
jwkd_status renew_as(struct fixture *fixture, const struct instance *instance, const char *principal,
    uint64_t sequence, uint64_t shop, uint64_t cafe);

#define assert_ok(call) assert_int_equal((call), JWKD_OK)
/* Of an environment: so many subscribers, so many of them hold the revision. */
#define assert_count(fixture, environment_id, revision, subscribers_, confirmed_)              \
    do {                                                                                       \
        struct registry_count count_ =                                                         \
            registry_count((fixture)->registry, (environment_id), (revision), (fixture)->now); \
        assert_int_equal(count_.subscribers, (subscribers_));                                  \
        assert_int_equal(count_.confirmed, (confirmed_));                                      \
    } while (0)

#endif
