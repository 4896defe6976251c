/* Who follows which environment: registrations, their leases, what each has confirmed, and the receipts of
 * deactivations. In memory only: after a start the members are not known yet, and whoever depends on knowing
 * all of them waits out a lease first (registry_knows_all; proto/DELIVERY.md P3).
 *
 * The table is shared fairly: a principal may have as many places as are left for all others, so that it can
 * take half of an empty table and never the last place of a full one.
 *
 * Every function may be called from any thread. Times are instants of clock_elapsed_ns(), given by the
 * caller: the module reads no clock. */
#ifndef EVENTS_REGISTRY_H
#define EVENTS_REGISTRY_H

#include "base/bytes.h"
#include "base/cleanup.h"
#include "base/limits.h"

enum {
    REGISTRY_ID = 16,
    REGISTRY_RENEW_MS = 60 * 1000,       /* how often a subscriber renews */
    REGISTRY_REGISTERED_MS = 120 * 1000, /* after its last answered renewal it counts itself registered */
    REGISTRY_KEPT_MS = 180 * 1000,       /* after its last renewal it is kept here (proto/DELIVERY.md R2) */
};

struct registry;

struct registry_options {
    uint32_t max_lease_ms;
    uint64_t started_ns;
    bool new_store; /* nobody can be a subscriber of a store that was just made */
    /* Called under no lock, on the thread of whoever called a function here, when a confirmation came or a
     * subscriber went: a promotion may be due. May be NULL. */
    void (*on_change)(void *context);
    void *context;
};
jwkd_status registry_new(const struct registry_options *options, struct registry **out) MUST_CHECK;
void registry_free(struct registry *registry); /* NULL is fine */
uint32_t registry_max_lease_ms(const struct registry *registry);
/* Before anybody registers: what the run before granted at most, and what this one grants, where it is less
 * than was wanted. Leases of the run before go on until they end: they have no way to hear of less. */
void registry_set_leases(struct registry *registry, uint32_t earlier_ms, uint32_t granted_ms);
/* Likewise: environments from this id on are made in this run. */
void registry_set_first_new_environment(struct registry *registry, uint64_t environment_id);
/* The longest lease that somebody may hold at this instant: what the next run has to know. */
uint32_t registry_longest_lease_ms(const struct registry *registry, uint64_t now_ns);
/* Over how long confirmations are to be spread, so that they come no faster than 5,000 a second: of few
 * subscribers at once. */
uint32_t registry_spread_ms(struct registry *registry);
/* How long after a swap the last lease that may not know of it has run out: max_lease, and 1000 ppm
 * (proto/DELIVERY.md T3). */
uint64_t registry_horizon_ns(const struct registry *registry);
/* When the last lease ends that may not know of a swap in an environment whose followers have this lease at
 * most: that and 1000 ppm after it, and not before everybody who can follow is registered. */
uint64_t registry_effective_ns(
    const struct registry *registry, uint64_t environment_id, uint32_t longest_lease_ms, uint64_t swapped_ns);
/* From when on everybody who can be fresh is registered: a horizon after the start, by the longer of both
 * leases; 0 with a new store. */
uint64_t registry_knows_all_from_ns(const struct registry *registry);
bool registry_knows_all(const struct registry *registry, uint64_t now_ns);
/* The same for those who can be fresh in one environment: nobody of the run before can, if it was made in
 * this one. */
uint64_t registry_knows_followers_from_ns(const struct registry *registry, uint64_t environment_id);
bool registry_knows_followers(const struct registry *registry, uint64_t environment_id, uint64_t now_ns);

/* ---- subscribers */

struct registry_wish {
    const char *principal, *name; /* copied; the name cut, and what cannot be printed replaced by "?" */
    uint32_t lease_ms;            /* 0: max_lease_ms */
    bool serves_stale;
    /* Empty, or an earlier one of the same principal: that registration goes on. One that is not known (any
     * more) gives a new registration. */
    struct bytes instance_id;
};
/* INVALID_ARGUMENT: an instance id of another size. RESOURCE_EXHAUSTED: the principal has its share. */
jwkd_status registry_hello(struct registry *registry, const struct registry_wish *wish, uint64_t now_ns,
    uint8_t out_id[REGISTRY_ID], uint32_t *out_lease_ms, jwkd_error *error) MUST_CHECK;

/* A subscriber is about to take a snapshot of an environment: from now on it counts as one of that
 * environment, with nothing confirmed yet. In whatever order requests arrive: it takes the snapshot in any
 * case. INVALID_ARGUMENT: no instance id, or sequence 0. NOT_REGISTERED: it is not registered, or is another
 * principal's; it must say hello again. RESOURCE_EXHAUSTED: it follows LIMIT_FOLLOWED, or has its share. */
jwkd_status registry_follow(struct registry *registry, struct bytes id, const char *principal,
    uint64_t sequence, const char *environment, uint64_t environment_id, uint64_t now_ns,
    jwkd_error *error) MUST_CHECK;

struct registry_held {
    uint64_t environment_id;
    bool forbidden;    /* it may follow it no longer: it is cut off */
    uint64_t revision; /* that it judges by; 0: none, it follows the environment and confirms nothing */
};
/* Renews, and confirms what it holds: never less than before. A renewal whose sequence is not higher than the
 * last one's came late: it changes nothing, and is no error.
 *
 * An environment that it follows and does not list it no longer follows, with two exceptions: it began to
 * with a higher sequence; or it has confirmed nothing of it and began less than REGISTRY_RENEW_MS ago, so
 * that its snapshot may still be on the way. Statuses as above, without RESOURCE_EXHAUSTED. */
jwkd_status registry_renew(struct registry *registry, struct bytes id, const char *principal,
    uint64_t sequence, const struct registry_held *held, size_t count, uint64_t now_ns,
    jwkd_error *error) MUST_CHECK;

/* A subscriber may follow the environment no longer, and nothing is sent to it any more: it is cut off.
 * Promotions do not wait for it. Receipts, those that are open and those to come, list it as not confirmed
 * for as long as it may judge by what it heard last: its lease, and 1000 ppm. Whether it followed the
 * environment. */
bool registry_cut_off(
    struct registry *registry, const uint8_t id[REGISTRY_ID], uint64_t environment_id, uint64_t now_ns);

struct registry_count {
    uint32_t subscribers, confirmed; /* of the environment; those that hold the revision or a later one */
    uint32_t longest_lease_ms;       /* that any of them was granted since it registered */
    uint64_t next_end_ns; /* none of them ends earlier: look again then; UINT64_MAX: there is none */
};
/* Cheap when it is asked for one revision of an environment again and again. */
struct registry_count registry_count(
    struct registry *registry, uint64_t environment_id, uint64_t revision, uint64_t now_ns);

/* A key is about to be published and promoted in one revision, because nobody follows the environment: true
 * if that is so, and then nobody can begin to (registry_follow answers BUSY) until registry_reopen(). Of one
 * thread. */
bool registry_close_if_nobody(struct registry *registry, uint64_t environment_id, uint64_t now_ns);
/* Opens every environment that was closed so. */
void registry_reopen(struct registry *registry);

struct registry_subscriber {
    uint8_t id[REGISTRY_ID];
    char name[LIMIT_CLIENT_NAME + 1], principal[LIMIT_PRINCIPAL + 1];
    char environment[LIMIT_ENVIRONMENT_NAME + 1];
    uint64_t environment_id, revision, last_seen_ns, registered_ns;
    uint32_t lease_ms;
    bool serves_stale;
};
/* A page of who follows what, an entry for each environment that a subscriber follows, in the order of
 * registration. `environment` NULL: of all; who follows none then has an entry with an empty one. The caller
 * frees *out. */
jwkd_status registry_list(struct registry *registry, const char *environment, size_t skip, size_t most,
    uint64_t now_ns, struct registry_subscriber **out, size_t *out_count, bool *out_more) MUST_CHECK;

/* ---- receipts */

struct registry_receipt_key {
    uint64_t environment_id;
    const char *kid;
    uint64_t revision; /* that deactivates it */
};
/* Begins a receipt: whoever follows the environment now has to confirm. After the swap, before the event is
 * sent. The oldest make room (LIMIT_RECEIPTS, LIMIT_RECEIPT_LINES). Failing spoils no deactivation. */
jwkd_status registry_open_receipt(
    struct registry *registry, const struct registry_receipt_key *key, uint64_t swapped_ns) MUST_CHECK;

struct registry_line {
    struct registry_subscriber subscriber; /* as it stands now; of one that went, as it stood last */
    bool confirmed;
    bool left;             /* it said that it no longer follows the environment */
    bool cut_off;          /* it may follow the environment no longer, and may judge by what it holds */
    bool gone;             /* it does not follow the environment now: it left, or its registration ended */
    uint64_t confirmed_ns; /* when its confirmation came */
};
struct registry_receipt {
    uint64_t revision, swapped_ns;
    uint64_t effective_ns; /* everybody refuses from here on, whoever answered; unless `unbounded` */
    /* Nobody is left who could accept the key: each has confirmed or gone, and all are known. Who serves
     * stale keys and did not leave by its own word may do so although its registration ended. */
    bool complete;
    bool unbounded;              /* somebody serves stale keys and has neither confirmed nor left */
    struct registry_line *lines; /* in order of instance id */
    size_t count;
};
/* NOT_FOUND: none is kept (it was before the start, or long ago). registry_receipt_clear() frees it. */
jwkd_status registry_read_receipt(struct registry *registry, uint64_t environment_id, const char *kid,
    uint64_t now_ns, struct registry_receipt *out) MUST_CHECK;
void registry_receipt_clear(struct registry_receipt *receipt);

#endif
