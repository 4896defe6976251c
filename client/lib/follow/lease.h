/* A subscriber's side of the lease (proto/WIRE.md, Registration to Freshness; why each rule is as it is:
 * proto/DELIVERY.md R1 to R9, H1 to H9).
 *
 * A machine without clock, threads, sockets or memory of its own: it is told what left, what was answered and
 * what was heard, each with the instant; it says what to ask next, and until when the keys of an environment
 * may be judged by. One `struct lease` a client, one `struct lease_part` a verifier. Instants are of
 * clock_elapsed_ns(). The caller's lock guards it all. */
#ifndef LIB_LEASE_H
#define LIB_LEASE_H

#include "lib/judge/identity.h"
#include "wire/service_clock.h"

/* What to ask the service, one at a time. */
enum lease_task {
    LEASE_WAIT,
    LEASE_HELLO, /* register, or go on with a registration */
    LEASE_TAKE,  /* the snapshot of an environment */
    LEASE_RENEW, /* renew, and confirm what is held */
};

enum lease_freshness {
    LEASE_STALE,  /* nobody vouches for the keys any more */
    LEASE_BEHIND, /* something was missed: what is known is judged, what is not waits for the snapshot */
    LEASE_FRESH,
};

enum lease_state { LEASE_OUT, LEASE_OUT_ASKING, LEASE_IN, LEASE_IN_ASKING, LEASE_STATES };

enum part_state {
    PART_LACKING,      /* wants a snapshot */
    PART_TAKING,       /* the snapshot is on its way */
    PART_TAKING_AGAIN, /* it is, but something may have been missed since it was asked for */
    PART_CURRENT,
    PART_STATES
};

/* When to try again. */
struct lease_pace {
    uint64_t at_ns;
    uint32_t backoff_ms;
};

/* An environment as one verifier follows it. The first members are the caller's. */
struct lease_part {
    const char *environment;
    uint32_t wish_ms; /* a shorter lease than the service's; 0: the service's */
    bool serves_stale;

    struct lease_part *next;
    enum part_state state;
    struct lease_pace pace;
    bool member;     /* a snapshot was taken under this registration: the service counts us */
    bool identified; /* `held` says something */
    bool exists;     /* the environment, when last asked; `held` is what was heard of its end otherwise */
    struct identity held;
    bool heard_of, heard_since; /* more than is held; and that, since a snapshot was asked for: */
    struct identity heard;
    uint64_t synced;       /* the service revision up to which nothing was missed */
    uint64_t vouched_ns;   /* the youngest instant at which what is held was known to be current; 0: none */
    uint64_t lease_end_ns; /* of the youngest counting heartbeat */
};

struct lease {
    enum lease_state state;
    enum lease_task asked; /* what is in flight */
    struct lease_part *parts;
    bool connected; /* the event stream is up */
    uint64_t random;

    uint8_t boot_id[16], instance_id[16];
    bool has_instance;
    uint32_t lease_ms, renew_ms, registered_ms;
    uint32_t spread_ms;    /* of confirmations: the service has many subscribers */
    uint32_t told_wish_ms; /* what the service was told of the parts, if anything */
    bool told, told_serves_stale;
    uint64_t renewed_ns; /* when the last answered hello or renewal was sent */
    uint64_t renew_at_ns, confirm_at_ns;
    bool confirm; /* something is held that the service was not told of */
    uint64_t sequence;
    struct lease_pace pace;

    struct service_clock clock;
    bool beaten; /* by a heartbeat of this registration: */
    uint64_t stamp_ns, beat_revision;
    uint64_t service_revision;       /* the highest that was spoken of */
    uint64_t asked_service_revision; /* the same, when the request in flight left */
};

/* `seed` spreads what many clients would do at the same instant. */
void lease_init(struct lease *lease, uint64_t seed);
/* The part's first members are set, the others zero. */
void lease_add(struct lease *lease, struct lease_part *part);
/* The service is told, where it counts on the part. */
void lease_remove(struct lease *lease, struct lease_part *part, uint64_t now_ns);

/* ---- asking */

struct lease_next {
    enum lease_task task;
    struct lease_part *part; /* of LEASE_TAKE */
    uint64_t at_ns; /* when; with LEASE_WAIT, when to look again. UINT64_MAX: only when something happens */
};
/* Never anything but LEASE_WAIT while a request is in flight. */
struct lease_next lease_next(struct lease *lease, uint64_t now_ns);
/* It leaves: lease->sequence is the request's. */
void lease_ask(struct lease *lease, const struct lease_next *what);
/* The wish for a hello. */
uint32_t lease_wish_ms(const struct lease *lease);
bool lease_serves_stale(const struct lease *lease);

/* How the request in flight ended; `sent_ns` is at or before the instant at which it left. */
jwkd_status lease_welcomed(struct lease *lease, const Jwkd__V1__HelloReply *hello, uint64_t sent_ns,
    uint64_t now_ns, jwkd_error *error) MUST_CHECK; /* MALFORMED, UNSUPPORTED: it is in flight still */
void lease_renewed(
    struct lease *lease, const Jwkd__V1__RenewReply *renewed, uint64_t sent_ns, uint64_t now_ns);
void lease_taken(struct lease *lease, uint64_t now_ns);   /* after lease_hold() of each part that it is for */
void lease_failed(struct lease *lease, uint64_t now_ns);  /* no answer, or none that helps */
void lease_refused(struct lease *lease, uint64_t now_ns); /* the service does not know the registration */

/* The part judges by a snapshot that has just come; `held` NULL: the environment does not exist. */
void lease_hold(struct lease *lease, struct lease_part *part, const struct identity *held,
    uint64_t service_revision, uint64_t now_ns);

/* ---- hearing */

void lease_connected(struct lease *lease, uint64_t now_ns);
void lease_disconnected(struct lease *lease);
/* The boot id of whatever was heard. */
void lease_hear_boot(struct lease *lease, struct bytes boot_id, uint64_t now_ns);
void lease_hear_heartbeat(struct lease *lease, const Jwkd__V1__Heartbeat *heartbeat, uint64_t now_ns);
/* The part judges by an event that followed exactly on what it held; `exists`: it still does. */
void lease_follow(struct lease *lease, struct lease_part *part, const struct identity *held, bool exists,
    uint64_t service_revision, uint64_t now_ns);
/* An event came that does not follow on what is held. */
void lease_miss(struct lease *lease, struct lease_part *part, const struct identity *heard, uint64_t now_ns);

/* ---- judging */

/* Until when what the part holds may be judged by; and until when it is fresh as well (0: it is not). Both
 * may change with every call above. */
uint64_t lease_judge_until(const struct lease *lease, const struct lease_part *part);
uint64_t lease_fresh_until(const struct lease *lease, const struct lease_part *part);
enum lease_freshness lease_freshness(
    const struct lease *lease, const struct lease_part *part, uint64_t now_ns);
uint64_t lease_length_ms(const struct lease *lease, const struct lease_part *part);

/* ---- of each other: lease_part.c, for lease_run.c */
void part_resync(struct lease_part *part);
void part_ask(struct lease_part *part);
void part_fail(struct lease *lease, struct lease_part *part, uint64_t now_ns);
void part_hear(
    struct lease *lease, struct lease_part *part, const Jwkd__V1__Heartbeat *heartbeat, uint64_t now_ns);
/* ---- lease_pace.c, for both */
bool lease_is_registered(const struct lease *lease);
uint64_t lease_registered_until(const struct lease *lease); /* if nothing is answered any more */
void lease_want_confirm(struct lease *lease, uint64_t now_ns);
/* Not at the instant at which all others ask as well; `left_ns`: until the lease ends that is judged by, 0:
 * none is. */
void lease_space_out(struct lease *lease, struct lease_pace *pace, uint64_t left_ns, uint64_t now_ns);
/* Evenly from 0 to `most_ns`. */
uint64_t lease_spread(struct lease *lease, uint64_t most_ns);
void lease_slow_down(struct lease *lease, struct lease_pace *pace, uint64_t now_ns);

#endif
