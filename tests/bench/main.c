#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/descriptors.h"
#include "bench/bare.h"
#include "bench/judge.h"

static const struct {
    const char *name;
    bench_run *run;
} benches[] = {{"verify", bench_verify}, {"sign", bench_sign}, {"generate", bench_generate},
    {"fanout", bench_fanout}, {"store", bench_store}, {"lease", bench_lease}, {"hostile", bench_hostile},
    {"access", bench_access}, {"faults", bench_faults}};
enum { BENCH_COUNT = sizeof benches / sizeof *benches };

static const char usage[] =
    "Usage: jwkd-bench [OPTION]... [verify|sign|generate|fanout|store|lease|hostile|access|faults]...\n"
    "Measures the service and the library, each figure beside the floor of the same run. Without names: "
    "all but faults.\n"
    "\n"
    "  verify     local verification, one thread, against OpenSSL's verification alone\n"
    "  sign       32 callers over ipc against signing in this process on every core; a lone request\n"
    "  generate   keys out of the reserve against a durable append to the same disk\n"
    "  fanout     deactivation sent until the last of 100 subscribers refuses, against bare nng\n"
    "  store      1,000 environments of 3 keys: start, memory, signing, against one environment\n"
    "  lease      what registered verifiers cost: deactivation at 1 to 1,000 of them, promotion, heartbeats\n"
    "  hostile    a good client beside callers that ask and do not read, announce and do not send, or send "
    "batches\n"
    "  access     who may: a look-up among 1,000 grants and 10,000 tokens; a signature by a token\n"
    "  faults     what must hold while things break; only when named\n"
    "\n"
    "  --case NAME     only the cases whose names begin with NAME\n"
    "  --json          an object a line\n"
    "  --dir DIR       where the daemons of the run keep their data ($TMPDIR or /var/tmp); a real disk\n"
    "  --data DIR      where the RSA keys to measure with are: DIR/keys/rsa-2048.pem and others\n"
    "  --quick         only try whether everything runs; the figures mean nothing\n"
    "  --seed N        repeat what was random in a run of faults\n"
    "  --help          show this\n"
    "  --version       show the version\n"
    "\n"
    "Times of floors and the ratio's terms are medians of alternating slices. Exit status: 0, met or "
    "missed;\n"
    "1 something could not run; 2 usage.\n";

enum {
    OPTION_CASE = 1,
    OPTION_JSON,
    OPTION_DIR,
    OPTION_DATA,
    OPTION_QUICK,
    OPTION_SEED,
    OPTION_HELP,
    OPTION_VERSION
};

/* The exit code to end with at once, or -1 to go on. */
static int read_options(int argc, char **argv, struct bench *bench)
{
    static const struct option options[] = {{"case", required_argument, NULL, OPTION_CASE},
        {"json", no_argument, NULL, OPTION_JSON}, {"dir", required_argument, NULL, OPTION_DIR},
        {"data", required_argument, NULL, OPTION_DATA}, {"quick", no_argument, NULL, OPTION_QUICK},
        {"seed", required_argument, NULL, OPTION_SEED}, {"help", no_argument, NULL, OPTION_HELP},
        {"version", no_argument, NULL, OPTION_VERSION}, {0}};
    for (int option; (option = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        switch (option) {
        case OPTION_CASE:
            bench->only = optarg;
            break;
        case OPTION_JSON:
            bench->json = true;
            break;
        case OPTION_DIR:
            bench->scratch = optarg;
            break;
        case OPTION_DATA:
            bench->data = optarg;
            break;
        case OPTION_QUICK:
            bench->quick = true;
            break;
        case OPTION_SEED:
            bench->seed = (unsigned)strtoul(optarg, NULL, 10);
            break;
        case OPTION_HELP:
            fputs(usage, stdout);
            return 0;
        case OPTION_VERSION:
            puts("jwkd-bench " JWKD_VERSION);
            return 0;
        default:
            fputs("See jwkd-bench --help\n", stderr);
            return 2;
        }
    }
    return -1;
}

/* Which benchmarks the words name; none names all. False: a word that names none. */
static bool choose(char *const *words, bool chosen[BENCH_COUNT])
{
    for (size_t i = 0; i < BENCH_COUNT; i++)
        chosen[i] = !*words && benches[i].run != bench_faults;
    for (; *words; words++) {
        size_t i = 0;
        while (i < BENCH_COUNT && strcmp(*words, benches[i].name) != 0)
            i++;
        if (i == BENCH_COUNT) {
            fprintf(stderr, "jwkd-bench: there is no benchmark '%s'. See jwkd-bench --help\n", *words);
            return false;
        }
        chosen[i] = true;
    }
    return true;
}

int main(int argc, char **argv)
{
    if (!descriptors_hold_standard()) return 1;
    /* This program as the other end of the bare nng floors; see bare.h. */
    if (argc == 3 && strcmp(argv[1], "bare-serve") == 0) return bare_serve(argv[2]);
    /* And as a verifier; see judge.h. */
    if (argc > 1 && strcmp(argv[1], "judge") == 0) return judge_serve(argc - 2, argv + 2);

    const char *temporary = getenv("TMPDIR");
    struct bench bench = {.data = BENCH_DATA,
        .scratch = temporary && *temporary ? temporary : "/var/tmp",
        .seed = (unsigned)time(NULL)};
    bool chosen[BENCH_COUNT];
    int code = read_options(argc, argv, &bench);
    if (code >= 0) return code;
    if (!choose(argv + optind, chosen)) return 2;
    code = 0;
    report_begin(&bench);
    for (size_t i = 0; i < BENCH_COUNT; i++) {
        jwkd_error error = {0};
        jwkd_status status = chosen[i] ? benches[i].run(&bench, &error) : JWKD_OK;
        report_progress_clear();
        if (status == JWKD_OK) continue;
        fprintf(stderr, "jwkd-bench: %s: %s\n", benches[i].name,
            error.message[0] ? error.message : jwkd_status_text(status));
        code = 1;
    }
    if (code != 0 || bench_wanted_any()) return code;
    fprintf(stderr, "jwkd-bench: no case of these has a name that begins with '%s'\n", bench.only);
    return 2;
}
