/* A verifier that is a process of its own: it is started, stopped, continued and ended like any other, and
 * told by a pipe what to judge. Instants are of clock_elapsed_ns(), which all processes of a machine share.
 */
#ifndef BENCH_JUDGE_H
#define BENCH_JUDGE_H

#include <sys/types.h>

#include "bench/bench.h"

/* The process: `arguments` as judge_start() gives them. Never returns to the benchmarks. */
int judge_serve(int count, char **arguments);

struct judge {
    pid_t pid; /* 0: not running */
    int to, from;
    char line[512]; /* read, but not yet asked for */
    size_t filled;
    bool stopped;
};

/* `netns`: the process in whose network namespace it lives; 0: ours. It has not begun to judge on return:
 * judge_await(). It lives no longer than the thread that starts it. */
jwkd_status judge_start(
    const char *url, const char *environment, pid_t netns, struct judge *out, jwkd_error *error) MUST_CHECK;
void judge_leave(struct judge *judge); /* it closes its verifier and ends */
void judge_kill(struct judge *judge);
void judge_stop(struct judge *judge); /* returns when it stands still */
void judge_continue(struct judge *judge);

/* Sends a line; false where the pipe is full (it is, for one that was stopped). */
bool judge_tell(struct judge *judge, const char *what, const char *token);

/* Waits until it is fresh and holds `revision`, or a later one. */
jwkd_status judge_await(
    struct judge *judge, uint64_t revision, unsigned patience_ms, jwkd_error *error) MUST_CHECK;
/* A later one may be of a history that is lost. */
jwkd_status judge_await_exactly(
    struct judge *judge, uint64_t revision, unsigned patience_ms, jwkd_error *error) MUST_CHECK;

struct judgement {
    jwkd_verdict verdict;
    jwkd_freshness_state before, after; /* the call */
    uint64_t begin_ns, revision;
};
jwkd_status judge_ask(
    struct judge *judge, const char *token, struct judgement *out, jwkd_error *error) MUST_CHECK;
/* The answer to an earlier judge_tell(judge, "judge", token). */
jwkd_status judge_hear(struct judge *judge, struct judgement *out, jwkd_error *error) MUST_CHECK;

/* From now on it judges this token again and again, and the tally begins anew. */
jwkd_status judge_sample(struct judge *judge, const char *token, jwkd_error *error) MUST_CHECK;
struct judge_tally {
    /* of samples */
    unsigned long samples, valid;
    unsigned long valid_again;       /* after one that was KEY_DEACTIVATED: that is final */
    unsigned long valid_while_stale; /* by its own word */
    uint64_t deactivated_ns;         /* when the first began that was KEY_DEACTIVATED; 0: none was */
    uint64_t last_valid_ns;          /* when the last began that was valid */
    uint64_t last_ns;                /* when the last of all began */
    uint64_t gap_ns;                 /* the longest time from one to the next: nothing happened within */
    /* of tokens told by judge_tell(judge, "rush", token), which is not answered */
    unsigned long rushed, not_fresh; /* judged valid; refused by one that was not fresh */
    unsigned long wrong;             /* refused although it was fresh, or unknown at any time */
    int wrong_verdict;               /* the first of these */
};
jwkd_status judge_tally(struct judge *judge, struct judge_tally *out, jwkd_error *error) MUST_CHECK;

#endif
