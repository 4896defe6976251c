#include "client/lease_case.h"

struct world world;

uint64_t now(void)
{
    return world_client_ns(&world, 0);
}

struct lease *lease(void)
{
    return &world.clients[0].lease;
}

struct lease_part *part(void)
{
    return &world.clients[0].part;
}

void begin(const struct world_options *options)
{
    world_init(&world, options);
    world_settle(&world);
    assert_string_equal(world.complaint, "");
    assert_int_equal(world_freshness(&world, 0), LEASE_FRESH);
}

void deliver_all(void)
{
    while (world.clients[0].queued)
        world_deliver(&world, 0);
}

void drop_all(void)
{
    while (world.clients[0].queued)
        world_lose(&world, 0);
}

void request_all(void)
{
    for (int i = 0; i < 8; i++)
        world_request(&world, 0);
}

void space_out(void)
{
    world_pass(&world, WORLD_SPREAD_MS * MS);
}

enum lease_task next_task(void)
{
    return lease_next(lease(), now()).task;
}

void beat_for(uint64_t ns)
{
    for (uint64_t passed = 0; passed < ns; passed += 250 * MS) {
        world_pass(&world, 250 * MS);
        world_beat(&world);
        deliver_all();
    }
}
