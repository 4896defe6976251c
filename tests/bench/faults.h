/* What must hold while things break: each case says what it did and what it found. It is wrong or not; how
 * long it took says nothing. */
#ifndef BENCH_FAULTS_H
#define BENCH_FAULTS_H

#include <stdarg.h>
#include <stdatomic.h>

#include "bench/bench.h"

DEFINE_CLEANUP(jwkd_watch *, jwkd_watch_close)

/* The outcome of a case. */
struct finding {
    char done[300];  /* what was done, with its figures */
    char fault[300]; /* what is wrong; "": nothing */
};
void finding_set(struct finding *finding, const char *fault, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* A failure is that the case could not be carried out. */
typedef jwkd_status fault_case(const struct bench *bench, struct finding *out, jwkd_error *error);
fault_case fault_crash, fault_restart, fault_restart_tcp, fault_restart_kill, fault_rotation, fault_partition,
    fault_pause, fault_loss, fault_herd;

/* By the environment's primary key, for its default lifetime. */
jwkd_status make_token(
    jwkd_client *client, const char *environment, char **out, jwkd_error *error) MUST_CHECK;
void pause_ms(unsigned ms);

#endif
