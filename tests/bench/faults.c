#include "bench/faults.h"

#include <stdio.h>
#include <time.h>

static const struct {
    const char *name;
    fault_case *run;
} CASES[] = {{"crash", fault_crash}, {"restart", fault_restart}, {"restart-tcp", fault_restart_tcp},
    {"restart-kill", fault_restart_kill}, {"rotation", fault_rotation}, {"partition", fault_partition},
    {"pause", fault_pause}, {"loss", fault_loss}, {"herd", fault_herd}};

jwkd_status make_token(jwkd_client *client, const char *environment, char **out, jwkd_error *error)
{
    const jwkd_sign_item item = {.claims = {"{}", 2}};
    return jwkd_sign(client, environment, &item, out, error);
}

void pause_ms(unsigned ms)
{
    nanosleep(&(struct timespec){.tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000}, NULL);
}

void finding_set(struct finding *finding, const char *fault, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(finding->done, sizeof finding->done, format, arguments);
    va_end(arguments);
    snprintf(finding->fault, sizeof finding->fault, "%s", fault);
}

/* The texts are ours: nothing in them needs an escape but what a message of the service may hold. */
static void print_json_text(const char *text)
{
    putchar('"');
    for (; *text; text++) {
        if (*text == '"' || *text == '\\') putchar('\\');
        putchar((unsigned char)*text < ' ' ? ' ' : *text);
    }
    putchar('"');
}

static void report_finding(const struct bench *bench, const char *name, const struct finding *finding)
{
    report_progress_clear();
    if (!bench->json) {
        printf("%-9s%-13s%s: %s%s\n", "faults", name, finding->fault[0] ? "WRONG" : "right", finding->done,
            finding->fault[0] ? ";" : "");
        if (finding->fault[0]) printf("%22s%s (--seed %u)\n", "", finding->fault, bench->seed);
    } else {
        printf("{\"bench\":\"faults\",\"case\":\"%s\",\"seed\":%u,\"done\":", name, bench->seed);
        print_json_text(finding->done);
        printf(",\"fault\":");
        print_json_text(finding->fault);
        puts("}");
    }
    fflush(stdout);
}

jwkd_status bench_faults(const struct bench *bench, jwkd_error *error)
{
    bool wrong = false;
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        struct finding finding = {0};
        if (!bench_wants(bench, CASES[i].name)) continue;
        TRY(CASES[i].run(bench, &finding, error));
        report_finding(bench, CASES[i].name, &finding);
        wrong |= finding.fault[0] != '\0';
    }
    return wrong ? fail(error, JWKD_REFUSED, "something that must hold does not") : JWKD_OK;
}
