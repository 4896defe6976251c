#include <stdlib.h>
#include <time.h>

#include "bench/bench.h"

jwkd_status samples_new(size_t room, struct samples *out)
{
    double *at = calloc(room, sizeof *at);
    if (!at) return JWKD_NO_MEMORY;
    *out = (struct samples){.at = at, .room = room};
    return JWKD_OK;
}

void samples_clear(struct samples *samples)
{
    free(samples->at);
    *samples = (struct samples){0};
}

void samples_add(struct samples *samples, double value)
{
    if (samples->count < samples->room) samples->at[samples->count++] = value;
}

static int ascending(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

double samples_quantile(struct samples *samples, double part)
{
    if (samples->count == 0) return 0;
    qsort(samples->at, samples->count, sizeof *samples->at, ascending);
    /* The nearest rank: the smallest sample that `part` of them do not exceed. */
    size_t rank = (size_t)((double)samples->count * part + 0.999999);
    return samples->at[rank == 0 ? 0 : rank > samples->count ? samples->count - 1 : rank - 1];
}

double now_sec(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}
