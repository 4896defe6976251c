/* The lease (proto/WIRE.md, Subscribers): short schedules in every order, long ones at random. */
#include "client/lease_case.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum step {
    PASS_LITTLE, /* the first STEPS_SHORT are tried in every order */
    PASS_HALF_A_LEASE,
    PUBLISH,
    DEACTIVATE_PRIMARY,
    BEAT,
    DELIVER,
    LOSE,
    REQUEST,
    ASK,
    ANSWER,
    RECEIVE,
    RECONNECT,
    RESTART,
    STEPS_SHORT,
    PASS_A_LEASE = STEPS_SHORT,
    PASS_A_BEAT,
    PASS_A_MINUTE,
    PASS_THREE_MINUTES,
    DEACTIVATE_OTHER,
    RECREATE,
    CHANGE_OTHERS,
    BACK_UP,
    RESTORE,
    BEGIN_BEAT,
    END_BEAT,
    REPEAT,
    REORDER,
    FAIL,
    DISCONNECT,
    CONNECT,
    STEPS
};

static const char *const STEP_NAMES[STEPS] = {"PASS_LITTLE", "PASS_HALF_A_LEASE", "PUBLISH",
    "DEACTIVATE_PRIMARY", "BEAT", "DELIVER", "LOSE", "REQUEST", "ASK", "ANSWER", "RECEIVE", "RECONNECT",
    "RESTART", "PASS_A_LEASE", "PASS_A_BEAT", "PASS_A_MINUTE", "PASS_THREE_MINUTES", "DEACTIVATE_OTHER",
    "RECREATE", "CHANGE_OTHERS", "BACK_UP", "RESTORE", "BEGIN_BEAT", "END_BEAT", "REPEAT", "REORDER", "FAIL",
    "DISCONNECT", "CONNECT"};

static void take_step(struct world *w, enum step step, size_t client)
{
    switch (step) {
    case PASS_LITTLE:
        world_pass(w, 7 * MS);
        return;
    case PASS_HALF_A_LEASE:
        world_pass(w, w->max_lease_ms * MS / 2 + MS);
        return;
    case PASS_A_LEASE:
        world_pass(w, w->max_lease_ms * MS);
        return;
    case PASS_A_BEAT:
        world_pass(w, 250 * MS);
        return;
    case PASS_A_MINUTE:
        world_pass(w, 60 * NS_PER_SEC);
        return;
    case PASS_THREE_MINUTES:
        world_pass(w, 180 * NS_PER_SEC);
        return;
    case PUBLISH:
        world_publish(w);
        return;
    case DEACTIVATE_PRIMARY:
        world_deactivate(w, true);
        return;
    case DEACTIVATE_OTHER:
        world_deactivate(w, false);
        return;
    case RECREATE:
        world_recreate(w);
        return;
    case CHANGE_OTHERS:
        world_change_others(w, WORLD_RECENT - 1);
        return;
    case BACK_UP:
        world_back_up(w);
        return;
    case RESTORE:
        world_restore(w);
        return;
    case RESTART:
        world_restart(w);
        return;
    case BEAT:
        world_beat(w);
        return;
    case BEGIN_BEAT:
        world_begin_beat(w);
        return;
    case END_BEAT:
        world_end_beat(w);
        return;
    case DELIVER:
        world_deliver(w, client);
        return;
    case LOSE:
        world_lose(w, client);
        return;
    case REPEAT:
        world_repeat(w, client);
        return;
    case REORDER:
        world_reorder(w, client);
        return;
    case REQUEST:
        world_request(w, client);
        return;
    case ASK:
        (void)world_ask(w, client);
        return;
    case ANSWER:
        world_answer(w, client);
        return;
    case RECEIVE:
        world_receive(w, client);
        return;
    case FAIL:
        world_fail(w, client);
        return;
    case DISCONNECT:
        world_disconnect(w, client);
        return;
    case CONNECT:
        world_connect(w, client);
        return;
    case RECONNECT:
        world_disconnect(w, client);
        world_connect(w, client);
        return;
    case STEPS:
        return;
    }
}

#if defined __SANITIZE_ADDRESS__ || defined __SANITIZE_THREAD__
enum { DEPTH = 5, LONG_SCHEDULES = 300 };
#else
enum { DEPTH = 6, LONG_SCHEDULES = 4000 };
#endif
enum { LONG_STEPS = 1000 };

static enum step path[DEPTH];

static void try_all(const struct world *from, int depth)
{
    if (depth == DEPTH) return;
    for (enum step step = 0; step < STEPS_SHORT; step++) {
        struct world next;
        world_copy(&next, from);
        path[depth] = step;
        take_step(&next, step, 0);
        if (*next.complaint) {
            for (int i = 0; i <= depth; i++)
                print_message("%s ", STEP_NAMES[path[i]]);
            fail_msg("%s", next.complaint);
        }
        try_all(&next, depth + 1);
    }
}

static void schedule__every_order_from_a_fresh_start(void **state)
{
    (void)state;
    begin(&STRICT);
    try_all(&world, 0);
}

static void schedule__every_order_with_a_publication_on_its_way(void **state)
{
    (void)state;
    begin(&STRICT);
    world_pass(&world, 10 * NS_PER_SEC); /* stale */
    world_publish(&world);
    world_deliver(&world, 0);
    world_beat(&world);
    world_deactivate(&world, true);
    try_all(&world, 0);
}

static void schedule__every_order_from_a_restart(void **state)
{
    (void)state;
    begin(&STRICT);
    world_publish(&world);
    world_restart(&world);
    world_connect(&world, 0);
    world_beat(&world);
    try_all(&world, 0);
}

/* SplitMix64 (Steele, Lea, Flood 2014). */
static uint64_t draw(uint64_t *random)
{
    uint64_t z = (*random += UINT64_C(0x9e3779b97f4a7c15));
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

/* Steps that let things go well are drawn more often, so that there is something to go wrong. */
static enum step draw_step(uint64_t *random)
{
    static const enum step OFTEN[] = {PASS_LITTLE, PASS_LITTLE, PASS_A_BEAT, BEAT, DELIVER, DELIVER, DELIVER,
        REQUEST, REQUEST, ASK, ANSWER, RECEIVE, CONNECT};
    uint64_t drawn = draw(random);
    enum step step = (enum step)(drawn % STEPS);
    bool rare = step == PASS_A_MINUTE || step == PASS_THREE_MINUTES || step == RESTART || step == RESTORE ||
                step == RECREATE || step == PASS_A_LEASE;
    if (drawn >> 32 & 1 || (rare && drawn >> 33 & 7))
        return OFTEN[(drawn >> 40) % (sizeof OFTEN / sizeof *OFTEN)];
    return step;
}

/* After any schedule the world must become well again. */
static void assert_recovers(uint64_t seed)
{
    world_settle(&world);
    for (size_t i = 0; i < world.client_count; i++)
        if (world_freshness(&world, i) != LEASE_FRESH || world.clients[i].keys != world.service.store.keys)
            fail_msg("seed %llu: client %zu does not recover", (unsigned long long)seed, i);
    if (world.service.store.pending >= 0)
        fail_msg("seed %llu: a promotion never comes", (unsigned long long)seed);
    if (*world.complaint) fail_msg("seed %llu: %s", (unsigned long long)seed, world.complaint);
}

static void schedule__long_ones_at_random(void **state)
{
    (void)state;
    const char *wanted = getenv("LEASE_SEED");
    struct timespec now_wall;
    clock_gettime(CLOCK_REALTIME, &now_wall);
    uint64_t first = wanted ? strtoull(wanted, NULL, 10) : (uint64_t)now_wall.tv_nsec / 1000;
    print_message("LEASE_SEED=%llu repeats this\n", (unsigned long long)first);
    for (uint64_t seed = first; seed < first + LONG_SCHEDULES; seed++) {
        uint64_t random = seed;
        static const int64_t PPM[] = {-499, 0, 499};
        world_init(&world, &(struct world_options){.max_lease_ms = 3000,
                               .wish_ms = draw(&random) % 2 ? 1500 : 0,
                               .clients = 1 + draw(&random) % WORLD_CLIENTS,
                               .service_ppm = PPM[draw(&random) % 3],
                               .client_ppm = PPM[draw(&random) % 3]});
        for (int i = 0; i < LONG_STEPS; i++) {
            enum step step = draw_step(&random);
            take_step(&world, step, draw(&random) % world.client_count);
            if (*world.complaint)
                fail_msg("seed %llu, step %d (%s): %s", (unsigned long long)seed, i, STEP_NAMES[step],
                    world.complaint);
        }
        assert_recovers(seed);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(schedule__every_order_from_a_fresh_start),
        cmocka_unit_test(schedule__every_order_with_a_publication_on_its_way),
        cmocka_unit_test(schedule__every_order_from_a_restart),
        cmocka_unit_test(schedule__long_ones_at_random),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
