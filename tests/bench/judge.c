#include "bench/judge.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"

/* ---- the process */

/* Some cases have hundreds of these processes. One that has nothing to judge must not take the processors
 * from the others. */
enum {
    LINE = 4096,
    SAMPLE_EVERY_NS = 500 * 1000,
    LOOK_EVERY_NS = 25 * 1000 * 1000,
    MOMENT_NS = 200 * 1000 * 1000
};

struct sampler {
    jwkd_verifier *verifier;
    atomic_bool stop;
    pthread_mutex_t lock; /* guards all below */
    char token[LINE];     /* "": none yet */
    unsigned long generation;
    struct judge_tally tally;
};

static jwkd_freshness freshness_of(const jwkd_verifier *verifier)
{
    jwkd_freshness freshness = {.state = JWKD_STALE};
    return jwkd_verifier_freshness(verifier, &freshness, NULL) == JWKD_OK ? freshness : (jwkd_freshness){0};
}

static struct judgement judge_now(jwkd_verifier *verifier, const char *token, uint64_t *out_end_ns)
{
    struct judgement made = {.before = freshness_of(verifier).state, .begin_ns = clock_elapsed_ns()};
    made.verdict = jwkd_verify(verifier, token, strlen(token), NULL, NULL, NULL);
    jwkd_freshness after = freshness_of(verifier);
    made.after = after.state;
    made.revision = after.revision;
    *out_end_ns = clock_elapsed_ns();
    return made;
}

static void count_sample(struct judge_tally *tally, const struct judgement *made, uint64_t end_ns)
{
    if (tally->samples > 0 && made->begin_ns - tally->last_ns > tally->gap_ns)
        tally->gap_ns = made->begin_ns - tally->last_ns;
    tally->samples++;
    tally->last_ns = made->begin_ns;
    if (made->verdict != JWKD_VERDICT_VALID) {
        if (made->verdict == JWKD_VERDICT_KEY_DEACTIVATED && tally->deactivated_ns == 0)
            tally->deactivated_ns = made->begin_ns;
        return;
    }
    tally->valid++;
    tally->last_valid_ns = made->begin_ns;
    if (tally->deactivated_ns != 0) tally->valid_again++;
    /* It could have become fresh and stale again only in a longer time. */
    if (made->before == JWKD_STALE && made->after == JWKD_STALE && end_ns - made->begin_ns < MOMENT_NS)
        tally->valid_while_stale++;
}

static void *sample(void *context)
{
    struct sampler *sampler = context;
    char token[LINE];
    while (!sampler->stop) {
        pthread_mutex_lock(&sampler->lock);
        unsigned long generation = sampler->generation;
        memcpy(token, sampler->token, sizeof token);
        pthread_mutex_unlock(&sampler->lock);
        if (token[0]) {
            uint64_t end_ns;
            struct judgement made = judge_now(sampler->verifier, token, &end_ns);
            pthread_mutex_lock(&sampler->lock);
            if (generation == sampler->generation) count_sample(&sampler->tally, &made, end_ns);
            pthread_mutex_unlock(&sampler->lock);
        }
        nanosleep(&(struct timespec){.tv_nsec = token[0] ? SAMPLE_EVERY_NS : LOOK_EVERY_NS}, NULL);
    }
    return NULL;
}

static void rush(struct sampler *sampler, const char *token)
{
    uint64_t end_ns;
    struct judgement made = judge_now(sampler->verifier, token, &end_ns);
    pthread_mutex_lock(&sampler->lock);
    struct judge_tally *tally = &sampler->tally;
    bool surely_fresh =
        made.before == JWKD_FRESH && made.after == JWKD_FRESH && end_ns - made.begin_ns < MOMENT_NS;
    if (made.verdict == JWKD_VERDICT_VALID) {
        tally->rushed++;
    } else if (made.verdict == JWKD_VERDICT_KEYS_TOO_OLD && !surely_fresh) {
        tally->not_fresh++;
    } else {
        if (tally->wrong++ == 0) tally->wrong_verdict = (int)made.verdict;
    }
    pthread_mutex_unlock(&sampler->lock);
}

static bool await_fresh(jwkd_verifier *verifier, const char *arguments)
{
    char *end;
    uint64_t revision = strtoull(arguments, &end, 10);
    uint64_t until_ns = clock_elapsed_ns() + strtoull(end, &end, 10) * 1000000;
    uint64_t most = strtoull(end, NULL, 10) ? revision : UINT64_MAX;
    for (;;) {
        jwkd_freshness freshness = freshness_of(verifier);
        if (freshness.state == JWKD_FRESH && freshness.revision >= revision && freshness.revision <= most)
            return true;
        if (clock_elapsed_ns() > until_ns) return false;
        nanosleep(&(struct timespec){.tv_nsec = LOOK_EVERY_NS}, NULL);
    }
}

static void obey(struct sampler *sampler, const char *verb, const char *rest)
{
    if (strcmp(verb, "rush") == 0) {
        rush(sampler, rest);
        return;
    }
    if (strcmp(verb, "judge") == 0) {
        uint64_t end_ns;
        struct judgement made = judge_now(sampler->verifier, rest, &end_ns);
        printf("%d %d %d %" PRIu64 " %" PRIu64 "\n", (int)made.verdict, (int)made.before, (int)made.after,
            made.begin_ns, made.revision);
    } else if (strcmp(verb, "await") == 0) {
        printf("%d\n", await_fresh(sampler->verifier, rest));
    } else if (strcmp(verb, "sample") == 0) {
        pthread_mutex_lock(&sampler->lock);
        snprintf(sampler->token, sizeof sampler->token, "%s", rest);
        sampler->generation++;
        sampler->tally = (struct judge_tally){0};
        pthread_mutex_unlock(&sampler->lock);
        puts("1");
    } else if (strcmp(verb, "tally") == 0) {
        pthread_mutex_lock(&sampler->lock);
        struct judge_tally tally = sampler->tally;
        pthread_mutex_unlock(&sampler->lock);
        printf("%lu %lu %lu %lu %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %lu %lu %lu %d\n",
            tally.samples, tally.valid, tally.valid_again, tally.valid_while_stale, tally.deactivated_ns,
            tally.last_valid_ns, tally.last_ns, tally.gap_ns, tally.rushed, tally.not_fresh, tally.wrong,
            tally.wrong_verdict);
    }
    fflush(stdout);
}

static int judge_until_told(jwkd_verifier *verifier)
{
    static char line[LINE];
    static struct sampler sampler = {.lock = PTHREAD_MUTEX_INITIALIZER};
    pthread_t thread;
    sampler.verifier = verifier;
    if (pthread_create(&thread, NULL, sample, &sampler) != 0) return 1;
    while (fgets(line, sizeof line, stdin)) {
        line[strcspn(line, "\n")] = '\0';
        char *rest = line + strcspn(line, " ");
        if (*rest) *rest++ = '\0';
        obey(&sampler, line, rest);
    }
    sampler.stop = true;
    pthread_join(thread, NULL);
    return 0;
}

/* In the background: the service may be away when it starts. */
int judge_serve(int count, char **arguments)
{
    if (count != 3) return 2;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    int netns = (int)strtol(arguments[2], NULL, 10);
    if (netns > 0 && !enter_netns(netns)) return 1;
    const jwkd_client_options options = {.name = "jwkd-bench judge", .background = true};
    jwkd_client *client = NULL;
    jwkd_verifier *verifier = NULL;
    int code = 1;
    if (jwkd_open(arguments[0], &options, &client, NULL) == JWKD_OK &&
        jwkd_verifier_open(client, arguments[1], NULL, &verifier, NULL) == JWKD_OK)
        code = judge_until_told(verifier);
    jwkd_verifier_close(verifier);
    jwkd_close(client);
    return code;
}

/* ---- its parent */

jwkd_status judge_start(
    const char *url, const char *environment, pid_t netns, struct judge *out, jwkd_error *error)
{
    int to[2], from[2];
    char number[16];
    if (pipe2(to, O_CLOEXEC) != 0) return fail(error, JWKD_UNAVAILABLE, "pipe: %s", strerror(errno));
    if (pipe2(from, O_CLOEXEC) != 0) {
        close(to[0]);
        close(to[1]);
        return fail(error, JWKD_UNAVAILABLE, "pipe: %s", strerror(errno));
    }
    snprintf(number, sizeof number, "%d", (int)netns);
    pid_t pid = fork();
    if (pid == 0) {
        if (dup2(to[0], STDIN_FILENO) < 0 || dup2(from[1], STDOUT_FILENO) < 0) _exit(127);
        execl("/proc/self/exe", "jwkd-bench", "judge", url, environment, number, (char *)NULL);
        _exit(127);
    }
    close(to[0]);
    close(from[1]);
    if (pid < 0) {
        close(to[1]);
        close(from[0]);
        return fail(error, JWKD_UNAVAILABLE, "fork: %s", strerror(errno));
    }
    signal(SIGPIPE, SIG_IGN);
    fcntl(to[1], F_SETPIPE_SZ, 1 << 20);
    fcntl(to[1], F_SETFL, O_NONBLOCK);
    *out = (struct judge){.pid = pid, .to = to[1], .from = from[0]};
    return JWKD_OK;
}

static void end(struct judge *judge, bool kindly)
{
    if (judge->pid == 0) return;
    judge_continue(judge);
    close(judge->to);
    if (!kindly) kill(judge->pid, SIGKILL);
    waitpid(judge->pid, NULL, 0);
    close(judge->from);
    *judge = (struct judge){0};
}

void judge_leave(struct judge *judge)
{
    end(judge, true);
}

void judge_kill(struct judge *judge)
{
    end(judge, false);
}

void judge_stop(struct judge *judge)
{
    if (judge->pid == 0 || judge->stopped) return;
    kill(judge->pid, SIGSTOP);
    waitpid(judge->pid, NULL, WUNTRACED);
    judge->stopped = true;
}

void judge_continue(struct judge *judge)
{
    if (judge->pid == 0 || !judge->stopped) return;
    kill(judge->pid, SIGCONT);
    judge->stopped = false;
}

/* Less than PIPE_BUF: all of it or nothing. */
bool judge_tell(struct judge *judge, const char *what, const char *token)
{
    char line[LINE];
    int size = snprintf(line, sizeof line, "%s %s\n", what, token);
    return size > 0 && (size_t)size < sizeof line && write(judge->to, line, (size_t)size) == size;
}

static jwkd_status hear(struct judge *judge, char *out, size_t size, unsigned patience_ms, jwkd_error *error)
{
    for (;;) {
        char *end = memchr(judge->line, '\n', judge->filled);
        if (end) {
            size_t length = (size_t)(end - judge->line);
            snprintf(out, size, "%.*s", (int)length, judge->line);
            judge->filled -= length + 1;
            memmove(judge->line, end + 1, judge->filled);
            return JWKD_OK;
        }
        struct pollfd ready = {.fd = judge->from, .events = POLLIN};
        if (poll(&ready, 1, (int)patience_ms) <= 0)
            return fail(error, JWKD_TIMED_OUT, "a verifier's process says nothing");
        ssize_t got = read(judge->from, judge->line + judge->filled, sizeof judge->line - judge->filled);
        if (got <= 0) return fail(error, JWKD_UNAVAILABLE, "a verifier's process has ended");
        judge->filled += (size_t)got;
    }
}

static jwkd_status ask(struct judge *judge, const char *what, const char *rest, unsigned patience_ms,
    char *answer, size_t size, jwkd_error *error)
{
    if (!judge_tell(judge, what, rest))
        return fail(error, JWKD_UNAVAILABLE, "a verifier's process takes no order");
    return hear(judge, answer, size, patience_ms, error);
}

static jwkd_status await_revision(
    struct judge *judge, uint64_t revision, bool exactly, unsigned patience_ms, jwkd_error *error)
{
    char order[64], answer[64];
    snprintf(order, sizeof order, "%" PRIu64 " %u %d", revision, patience_ms, exactly);
    TRY(ask(judge, "await", order, patience_ms + 30000, answer, sizeof answer, error));
    return strcmp(answer, "1") == 0
               ? JWKD_OK
               : fail(error, JWKD_TIMED_OUT, "a verifier is not fresh at revision %" PRIu64 " after %u ms",
                     revision, patience_ms);
}

jwkd_status judge_await(struct judge *judge, uint64_t revision, unsigned patience_ms, jwkd_error *error)
{
    return await_revision(judge, revision, false, patience_ms, error);
}

jwkd_status judge_await_exactly(
    struct judge *judge, uint64_t revision, unsigned patience_ms, jwkd_error *error)
{
    return await_revision(judge, revision, true, patience_ms, error);
}

jwkd_status judge_hear(struct judge *judge, struct judgement *out, jwkd_error *error)
{
    char answer[256];
    int verdict, before, after;
    struct judgement heard;
    TRY(hear(judge, answer, sizeof answer, 30000, error));
    if (sscanf(answer, "%d %d %d %" SCNu64 " %" SCNu64, &verdict, &before, &after, &heard.begin_ns,
            &heard.revision) != 5)
        return fail(error, JWKD_MALFORMED, "a verifier's process talks nonsense");
    heard.verdict = (jwkd_verdict)verdict;
    heard.before = (jwkd_freshness_state)before;
    heard.after = (jwkd_freshness_state)after;
    *out = heard;
    return JWKD_OK;
}

jwkd_status judge_ask(struct judge *judge, const char *token, struct judgement *out, jwkd_error *error)
{
    if (!judge_tell(judge, "judge", token))
        return fail(error, JWKD_UNAVAILABLE, "a verifier's process takes no order");
    return judge_hear(judge, out, error);
}

jwkd_status judge_sample(struct judge *judge, const char *token, jwkd_error *error)
{
    char answer[16];
    return ask(judge, "sample", token, 30000, answer, sizeof answer, error);
}

jwkd_status judge_tally(struct judge *judge, struct judge_tally *out, jwkd_error *error)
{
    char answer[400];
    struct judge_tally tally;
    TRY(ask(judge, "tally", "", 60000, answer, sizeof answer, error));
    if (sscanf(answer, "%lu %lu %lu %lu %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64 " %lu %lu %lu %d",
            &tally.samples, &tally.valid, &tally.valid_again, &tally.valid_while_stale, &tally.deactivated_ns,
            &tally.last_valid_ns, &tally.last_ns, &tally.gap_ns, &tally.rushed, &tally.not_fresh,
            &tally.wrong, &tally.wrong_verdict) != 12)
        return fail(error, JWKD_MALFORMED, "a verifier's process talks nonsense");
    *out = tally;
    return JWKD_OK;
}
