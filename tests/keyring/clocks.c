#include "keyring/clocks.h"

#include "base/clock.h"
#include "keyring/state.h"

static atomic_int_fast64_t wall_ns, elapsed_ns;

int64_t __wrap_clock_wall_ns(void);
int64_t __wrap_clock_wall_ns(void)
{
    return wall_ns;
}

int64_t __wrap_clock_wall_sec(void);
int64_t __wrap_clock_wall_sec(void)
{
    return wall_ns / (int64_t)NS_PER_SEC;
}

uint64_t __wrap_clock_elapsed_ns(void);
uint64_t __wrap_clock_elapsed_ns(void)
{
    return (uint64_t)elapsed_ns;
}

void clocks_reset(void)
{
    wall_ns = INT64_C(1800000000) * (int64_t)NS_PER_SEC;
    elapsed_ns = INT64_C(1000) * (int64_t)NS_PER_SEC;
}

void clocks_set_wall(int64_t by_sec)
{
    wall_ns += by_sec * (int64_t)NS_PER_SEC;
}

void clocks_pass(int64_t sec)
{
    clocks_set_wall(sec);
    elapsed_ns += sec * (int64_t)NS_PER_SEC;
}

/* The writer looks between any two changes. */
void clocks_look(struct ring *ring)
{
    for (int i = 0; i < 2; i++) {
        char name[32];
        snprintf(name, sizeof name, "look-%u", ring->ids);
        ring_create(ring, name);
    }
}
