/* One subscriber in a lease_world, and what tests do with it again and again. */
#ifndef TESTS_CLIENT_LEASE_CASE_H
#define TESTS_CLIENT_LEASE_CASE_H

#include "client/cases.h"

#include "base/clock.h"
#include "client/lease_world.h"

static const struct world_options STRICT = {.max_lease_ms = 3000, .clients = 1};

extern struct world world;

/* Begins anew, with everybody fresh. */
void begin(const struct world_options *options);

/* The first subscriber's. */
uint64_t now(void);
struct lease *lease(void);
struct lease_part *part(void);
enum lease_task next_task(void);
void deliver_all(void);
void drop_all(void);
/* Everything that is to be asked now. */
void request_all(void);
/* Lets time pass until the client may ask for what it missed. */
void space_out(void);
/* The service sends heartbeats, and answers no request. */
void beat_for(uint64_t ns);

#define assert_freshness(expected) assert_int_equal(world_freshness(&world, 0), LEASE_##expected)

/* What the bound on the service's clock may have lost since it was measured: 1000 ppm of a minute, and
 * as much again where the clocks really drift apart. */
enum { SLACK_MS = 150 };

#endif
