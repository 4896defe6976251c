/* What falls due by time: promotions that wait, keys that retire, rotations by schedule (proto/DELIVERY.md
 * P1, E2, P11 and P12). The writer's alone.
 *
 * Schedules follow both the wall clock and the running-time clock. So setting the wall clock neither brings a
 * rotation forward nor repeats one. */
#ifndef KEYRING_AGENDA_H
#define KEYRING_AGENDA_H

#include "keyring/state.h"

struct transaction;

/* An instant of both clocks. */
struct moment {
    uint64_t elapsed_ns;
    int64_t wall_sec;
};
struct moment moment_now(void);

/* Takes up environments that have changed, once everybody sees the change. */
void agenda_take_up(
    struct keyring *keyring, const struct snapshot_change *touched, size_t count, uint64_t now_ns);
/* Takes up all environments, at the start. */
jwkd_status agenda_load(struct keyring *keyring) MUST_CHECK;
void agenda_clear(struct keyring *keyring);

/* Carries out in the transaction what is due. *out_failed: something has to be tried again. */
void agenda_run(struct transaction *transaction, struct moment now, bool *out_failed);
/* Reckons anew when things are due. `all`: everything, for the clocks may have been set; otherwise only what
 * confirmations bring forward. */
void agenda_reckon(struct keyring *keyring, struct moment now, bool all);
/* When there is something to do next, as it was reckoned last. UINT64_MAX: nothing. */
uint64_t agenda_next_ns(const struct keyring *keyring);
/* Whether something waits that confirmations can bring forward. Any thread. */
bool agenda_awaits_confirmation(struct keyring *keyring);
/* The reserve has new keys: rotations that lacked one are due again. */
void agenda_key_made(struct keyring *keyring);
/* Asks the reserve for the types of key that due rotations lack. */
void agenda_demand(struct keyring *keyring);

#endif
