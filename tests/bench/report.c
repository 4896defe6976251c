#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "bench/bench.h"

static bool any_wanted;

bool bench_wants(const struct bench *bench, const char *name)
{
    bool wanted = !bench->only || strncmp(name, bench->only, strlen(bench->only)) == 0;
    any_wanted = any_wanted || wanted;
    return wanted;
}

bool bench_wanted_any(void)
{
    return any_wanted;
}

static bool goal_met(const struct figure *figure)
{
    switch (figure->goal) {
    case GOAL_NONE:
        return true;
    case GOAL_RATIO_AT_LEAST:
        return figure->ratio >= figure->limit;
    case GOAL_RATIO_AT_MOST:
        return figure->ratio <= figure->limit;
    case GOAL_P99_UNDER:
        return figure->p99 < figure->limit;
    case GOAL_VALUE_UNDER:
        return figure->value < figure->limit;
    }
    return false;
}

static void goal_text(const struct figure *figure, char *out, size_t size)
{
    switch (figure->goal) {
    case GOAL_NONE:
        snprintf(out, size, "-");
        return;
    case GOAL_RATIO_AT_LEAST:
        snprintf(out, size, "ratio >= %.2f", figure->limit);
        return;
    case GOAL_RATIO_AT_MOST:
        snprintf(out, size, "ratio <= %.2f", figure->limit);
        return;
    case GOAL_P99_UNDER:
        snprintf(out, size, "p99 < %g %s", figure->limit, figure->unit);
        return;
    case GOAL_VALUE_UNDER:
        snprintf(out, size, "< %g %s", figure->limit, figure->unit);
        return;
    }
}

static bool progress_shown;

void report_progress(const char *name, size_t done, size_t of)
{
    static double next;
    double now = now_sec();
    if (now < next || !isatty(STDERR_FILENO)) return;
    next = now + 0.25;
    fprintf(stderr, "\r%s: %zu of %zu\033[K", name, done, of);
    progress_shown = true;
}

void report_progress_clear(void)
{
    if (progress_shown) fputs("\r\033[K", stderr);
    progress_shown = false;
}

void report_begin(const struct bench *bench)
{
    if (!bench->json)
        printf("%-9s%-20s%12s%12s%12s%8s  %-8s%-16s%s\n", "bench", "case", "value/p50", "p99", "floor",
            "ratio", "unit", "goal", "verdict");
}

static void print_json(const struct figure *figure)
{
    printf("{\"bench\":\"%s\",\"case\":\"%s\",", figure->bench, figure->name);
    if (figure->latency)
        printf("\"p50\":%.6g,\"p99\":%.6g,", figure->p50, figure->p99);
    else
        printf("\"value\":%.6g,", figure->value);
    printf("\"unit\":\"%s\"", figure->unit);
    if (figure->floor > 0) printf(",\"floor\":%.6g,\"ratio\":%.4g", figure->floor, figure->ratio);
    if (figure->goal != GOAL_NONE) printf(",\"met\":%s", goal_met(figure) ? "true" : "false");
    printf("}\n");
}

/* Four figures that matter, without an exponent. */
static void print_number(double value)
{
    printf("%12.*f", value >= 1000 ? 0 : value >= 10 ? 1 : 3, value);
}

static void print_row(const struct figure *figure)
{
    char goal[48];
    goal_text(figure, goal, sizeof goal);
    printf("%-9s%-20s", figure->bench, figure->name);
    print_number(figure->latency ? figure->p50 : figure->value);
    if (figure->latency)
        print_number(figure->p99);
    else
        printf("%12s", "-");
    if (figure->floor > 0) {
        print_number(figure->floor);
        printf("%8.2f", figure->ratio);
    } else {
        printf("%12s%8s", "-", "-");
    }
    printf("  %-8s%-16s%s\n", figure->unit, goal,
        figure->goal == GOAL_NONE ? ""
        : goal_met(figure)        ? "ok"
                                  : "missed");
}

void report_figure(const struct bench *bench, const struct figure *figure)
{
    report_progress_clear();
    if (bench->json)
        print_json(figure);
    else
        print_row(figure);
    fflush(stdout);
}
