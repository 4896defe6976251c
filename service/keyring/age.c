#include "keyring/age.h"

#include "base/clock.h"

static const char *machine_boot(const struct keyring *keyring)
{
    return keyring->options.machine_boot ? keyring->options.machine_boot : "";
}

uint64_t age_ns(const struct keyring *keyring)
{
    return clock_elapsed_ns() + keyring->age_ahead_ns;
}

int64_t age_sec(const struct keyring *keyring)
{
    return (int64_t)((age_ns(keyring) + NS_PER_SEC - 1) / NS_PER_SEC);
}

static uint64_t ahead_ns(const struct keyring *keyring, const Jwkd__Row__Service *row)
{
    uint64_t now_ns = clock_elapsed_ns(), age = row->age_ns;
    bool same_clock = *row->machine_boot && strcmp(row->machine_boot, machine_boot(keyring)) == 0;
    /* A virtual machine that goes back to an earlier state has its clock behind the row's. */
    if (same_clock && now_ns > row->elapsed_ns) age += now_ns - row->elapsed_ns;
    return age - now_ns;
}

void age_load(struct keyring *keyring, const Jwkd__Row__Service *row)
{
    keyring->age_ahead_ns = ahead_ns(keyring, row);
}

void age_catch_up(struct keyring *keyring, const Jwkd__Row__Service *row)
{
    uint64_t ahead = ahead_ns(keyring, row);
    if ((int64_t)(ahead - keyring->age_ahead_ns) > 0) keyring->age_ahead_ns = ahead;
}

void age_put(const struct keyring *keyring, Jwkd__Row__Service *row)
{
    row->elapsed_ns = clock_elapsed_ns();
    row->age_ns = row->elapsed_ns + keyring->age_ahead_ns;
    row->machine_boot = wire_text(machine_boot(keyring));
}
