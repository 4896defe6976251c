/* jwkd-bench: what its parts share. Every figure stands beside its floor, the bare operation measured in the
 * same run in alternating slices, because absolute figures drift and ratios hardly do. */
#ifndef BENCH_BENCH_H
#define BENCH_BENCH_H

#include <jwkd.h>

#include "base/cleanup.h"
#include "base/status.h"

struct bench {
    const char *data; /* what is in tests/data */
    const char *
        scratch; /* where temporary directories are made; must be a real disk for commits to mean something */
    const char *only; /* cases whose names begin so; NULL: all */
    bool json;
    bool quick;    /* so short that the figures mean nothing: only to see that it runs */
    unsigned seed; /* of what is random in faults */
};

bool bench_wants(const struct bench *bench, const char *name);
bool bench_wanted_any(void); /* any of the cases that were asked about so far */

/* One benchmark: prints its figures by report_figure(). */
typedef jwkd_status bench_run(const struct bench *bench, jwkd_error *error);
bench_run bench_verify, bench_sign, bench_generate, bench_fanout, bench_store, bench_lease, bench_hostile, bench_access,
    bench_faults;

/* ---- Figures
 * ----------------------------------------------------------------------------------------------------- */

enum goal { GOAL_NONE, GOAL_RATIO_AT_LEAST, GOAL_RATIO_AT_MOST, GOAL_P99_UNDER, GOAL_VALUE_UNDER };

/* A rate or size has `value`; a latency has p50 and p99. A floor of 0: there is none. */
struct figure {
    const char *bench, *name, *unit;
    bool latency;
    double value, p50, p99;
    double floor, ratio;
    enum goal goal;
    double limit;
};
void report_begin(const struct bench *bench);
void report_figure(const struct bench *bench, const struct figure *figure);

/* Shows how far a case has come, in a line that the next report replaces. Prints only where standard error is
 * a terminal, and a few times a second at most. To be called from one thread. */
void report_progress(const char *name, size_t done, size_t of);
void report_progress_clear(void);

/* ---- Samples
 * ----------------------------------------------------------------------------------------------------- */

struct samples {
    double *at;
    size_t count, room;
};
jwkd_status samples_new(size_t room, struct samples *out) MUST_CHECK;
void samples_clear(struct samples *samples);
void samples_add(struct samples *samples, double value); /* dropped when there is no room */
/* `part` from 0 to 1; sorts. 0 when there are no samples. */
double samples_quantile(struct samples *samples, double part);

/* The calling process, which has no other thread, moves into the network namespace of process `pid`. */
bool enter_netns(int pid);

/* The first of two tcp ports in a row that no program uses just now. Both lie below the range that the system
 * takes the ports of outgoing connections from, since thousands of those are made. 0: there are none. */
unsigned free_ports(void);

double now_sec(void); /* CLOCK_MONOTONIC: one clock for everything measured */

/* ---- Callers
 * ----------------------------------------------------------------------------------------------------- */

/* One step of thread number `thread`: adds what it did to *in_out_done; leaving it as it was ends
 * the thread. */
typedef jwkd_status caller_step(void *context, size_t thread, size_t *in_out_done, jwkd_error *error);
/* Runs `threads` threads for `seconds` and waits for what they began; *out_rate is done a second. */
jwkd_status callers_run(size_t threads, double seconds, caller_step *step, void *context, double *out_rate,
    jwkd_error *error) MUST_CHECK;

/* ---- A service of our own
 * ---------------------------------------------------------------------------------------- */

struct daemon {
    int pid;                            /* 0: not running */
    char dir[256];                      /* "" : none; removed with everything in it by daemon_clear() */
    char url[300];                      /* of its requests */
    double started_sec;                 /* from before the fork to the first answer */
    unsigned max_lease_sec;             /* 0: the daemon's own default */
    int netns;                          /* the process in whose network namespace it lives; 0: ours */
    const char *listen, *listen_events; /* besides its sockets; NULL: nowhere */
    const char *upstream;               /* of a relay; NULL: it is a service */
    char token_file[300]; /* daemon_make_token(): with an API token that signs and sees; "": none */
};
/* `reserve` 0: the daemon's own default. A daemon that was stopped starts again over the same directory. */
jwkd_status daemon_start(
    struct daemon *daemon, const struct bench *bench, unsigned reserve, jwkd_error *error) MUST_CHECK;
/* For clients that ask over tcp, where all are "anonymous" otherwise. */
jwkd_status daemon_make_token(struct daemon *daemon, jwkd_error *error) MUST_CHECK;
void daemon_stop(struct daemon *daemon);
void daemon_kill(struct daemon *daemon);        /* SIGKILL, at once */
void daemon_pause(const struct daemon *daemon); /* returns when it stands still */
void daemon_resume(const struct daemon *daemon);
void daemon_clear(struct daemon *daemon);
jwkd_status daemon_resident(const struct daemon *daemon, double *out_mib, jwkd_error *error) MUST_CHECK;

DEFINE_CLEANUP(jwkd_client *, jwkd_close)
DEFINE_CLEANUP(jwkd_verifier *, jwkd_verifier_close)
DEFINE_CLEANUP(jwkd_token *, jwkd_token_free)
/* For anything that jwkd_free() frees. */
__attribute__((unused)) static inline void block_free_at(void *block)
{
    jwkd_free(*(void **)block);
}

jwkd_status connect_to(const struct daemon *daemon, jwkd_client **out, jwkd_error *error) MUST_CHECK;
/* An environment with an issuer, for the named algorithm. */
jwkd_status make_environment(jwkd_client *client, const char *name, const char *algorithm, uint32_t bits,
    jwkd_error *error) MUST_CHECK;
/* How many keys of a type are ready; waits until it is all that are wanted, or `patience_sec` are over. */
jwkd_status await_reserve(jwkd_client *client, const char *key_type, double patience_sec, uint32_t *out_ready,
    jwkd_error *error) MUST_CHECK;

#endif
