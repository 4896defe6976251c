/* Who follows which environment: registrations, their leases, what each has confirmed, and the receipts of
 * deactivations (delivery.md, Registration). In memory only: after a start the members are not known yet, and
 * whoever depends on knowing all of them waits out a lease first (registry_knows_all).
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
    REGISTRY_KEPT_MS = 180 * 1000,       /* after its last renewal it is kept here */
};

struct registry;

struct registry_options {
    uint32_t max_lease_ms;
    uint64_t started_ns;
    bool new_store; /* nobody can be a subscriber of a store that was just made */
    /* Called under no lock when a confirmation came or a subscriber went: a promotion may be due. May be NULL. */
    void (*on_change)(void *context);
    void *context;
};
jwkd_status registry_new(const struct registry_options *options, struct registry **out) MUST_CHECK;
void registry_free(struct registry *registry); /* NULL is fine */
uint32_t registry_max_lease_ms(const struct registry *registry);
/* How long after a swap the last lease that may not know of it has run out: max_lease and 1000 ppm of drift. */
uint64_t registry_horizon_ns(const struct registry *registry);
/* Whether everybody who can be fresh is registered: a horizon after the start, or at once with a new store. */
bool registry_knows_all(const struct registry *registry, uint64_t now_ns);

/* ---- subscribers */

struct registry_wish {
    const char *principal, *name; /* copied, the name cut to what is sensible */
    uint32_t lease_ms;            /* 0: max_lease_ms */
    bool serves_stale;
    struct bytes instance_id; /* empty, or an earlier one of the same principal: that registration goes on */
};
/* RESOURCE_EXHAUSTED: LIMIT_SUBSCRIBERS are registered. */
jwkd_status registry_hello(struct registry *registry, const struct registry_wish *wish, uint64_t now_ns,
    uint8_t out_id[REGISTRY_ID], uint32_t *out_lease_ms, jwkd_error *error) MUST_CHECK;

/* A subscriber is about to take a snapshot of an environment: from now on it counts as one of that
 * environment, with nothing confirmed yet. NOT_FOUND: it is not registered, or is another principal's; it must
 * say hello again. A sequence that is not higher than the last changes nothing, and is no error. */
jwkd_status registry_follow(struct registry *registry, struct bytes id, const char *principal,
    uint64_t sequence, const char *environment, uint64_t environment_id, uint64_t now_ns,
    jwkd_error *error) MUST_CHECK;

struct registry_held {
    const char *environment;
    uint64_t environment_id, revision;
};
/* Renews, and confirms what it holds. An environment that it follows and does not list it no longer follows,
 * unless it began to after `sequence`. NOT_FOUND as above. */
jwkd_status registry_renew(struct registry *registry, struct bytes id, const char *principal,
    uint64_t sequence, const struct registry_held *held, size_t count, uint64_t now_ns,
    jwkd_error *error) MUST_CHECK;

struct registry_count {
    uint32_t subscribers, confirmed; /* of the environment; those that hold the revision or a later one */
    uint64_t next_end_ns;            /* when the first registration of them ends; UINT64_MAX: none will */
};
struct registry_count registry_count(
    struct registry *registry, uint64_t environment_id, uint64_t revision, uint64_t now_ns);

/* A key is about to be published and promoted in one revision, because nobody follows the environment: true if that is so, and then
 * nobody can begin to (registry_follow answers BUSY) until registry_reopen(). Of one thread. */
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
/* A page of those that are registered, in a stable order; `environment` NULL: of all. The caller frees *out. */
jwkd_status registry_list(struct registry *registry, const char *environment, size_t skip, size_t most,
    uint64_t now_ns, struct registry_subscriber **out, size_t *out_count, bool *out_more) MUST_CHECK;

/* ---- receipts */

struct registry_receipt_key {
    const char *environment, *kid;
    uint64_t environment_id, revision; /* the revision that deactivates it */
};
/* Begins a receipt: whoever follows the environment now has to confirm. After the swap, before the event is
 * sent. The oldest of LIMIT_RECEIPTS makes room. Failing is no error of the deactivation. */
jwkd_status registry_open_receipt(
    struct registry *registry, const struct registry_receipt_key *key, uint64_t swapped_ns) MUST_CHECK;

struct registry_line {
    struct registry_subscriber subscriber;
    bool confirmed, gone;
    uint64_t confirmed_ns; /* when its confirmation came */
};
struct registry_receipt {
    uint64_t revision, swapped_ns, effective_ns; /* swap time and horizon: everybody refuses, whoever answered */
    bool complete, unbounded;
    struct registry_line *lines;
    size_t count;
};
/* NOT_FOUND: none is kept (it was before the start, or long ago). registry_receipt_clear() frees it. */
jwkd_status registry_read_receipt(struct registry *registry, uint64_t environment_id, const char *kid,
    uint64_t now_ns, struct registry_receipt *out) MUST_CHECK;
void registry_receipt_clear(struct registry_receipt *receipt);

#endif
