#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <libgen.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "bench/bench.h"

/* The daemon that was built or installed together with this program. */
static bool daemon_path(char *out, size_t size)
{
    char self[512];
    ssize_t length = readlink("/proc/self/exe", self, sizeof self - 1);
    if (length <= 0) return false;
    self[length] = '\0';
    return (size_t)snprintf(out, size, "%s/jwkd", dirname(self)) < size && access(out, X_OK) == 0;
}

bool enter_netns(int pid)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/ns/net", pid);
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0) return false;
    bool entered = setns(file, CLONE_NEWNET) == 0;
    close(file);
    return entered;
}

static void run_relay(const char *path, const struct daemon *relay)
{
    char sockets[300];
    snprintf(sockets, sizeof sockets, "%s/run", relay->dir);
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (relay->listen)
        execl(path, "jwkd", "relay", "--upstream", relay->upstream, "--socket-dir", sockets, "--log-level",
            "error", "--listen", relay->listen, "--listen-events", relay->listen_events, (char *)NULL);
    else
        execl(path, "jwkd", "relay", "--upstream", relay->upstream, "--socket-dir", sockets, "--log-level",
            "error", (char *)NULL);
    _exit(127);
}

static void run_daemon(const char *path, const struct daemon *daemon, unsigned reserve)
{
    char data[300], sockets[300], count[16], lease[16];
    const char *arguments[24] = {"jwkd", "--data", data, "--socket-dir", sockets, "--log-level", "error"};
    size_t given = 7;
    snprintf(data, sizeof data, "%s/data", daemon->dir);
    snprintf(sockets, sizeof sockets, "%s/run", daemon->dir);
    snprintf(count, sizeof count, "%u", reserve);
    snprintf(lease, sizeof lease, "%us", daemon->max_lease_sec);
    if (reserve) {
        arguments[given++] = "--reserve";
        arguments[given++] = count;
    }
    if (daemon->max_lease_sec) {
        arguments[given++] = "--max-lease";
        arguments[given++] = lease;
    }
    if (daemon->listen) {
        arguments[given++] = "--listen";
        arguments[given++] = daemon->listen;
    }
    if (daemon->listen) {
        arguments[given++] = "--tcp-role";
        arguments[given++] = "relay";
    }
    if (daemon->listen_events) {
        arguments[given++] = "--listen-events";
        arguments[given++] = daemon->listen_events;
    }
    if (daemon->netns && !enter_netns(daemon->netns)) _exit(126);
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    execv(path, (char *const *)(uintptr_t)arguments);
    _exit(127);
}

static jwkd_status make_directory(struct daemon *daemon, const struct bench *bench, jwkd_error *error)
{
    char path[300];
    if (daemon->dir[0]) return JWKD_OK;
    if ((size_t)snprintf(daemon->dir, sizeof daemon->dir, "%s/jwkd-bench.XXXXXX", bench->scratch) >=
            sizeof daemon->dir ||
        !mkdtemp(daemon->dir)) {
        daemon->dir[0] = '\0';
        return fail(error, JWKD_INVALID_ARGUMENT, "no directory can be made in %s: %s", bench->scratch,
            strerror(errno));
    }
    snprintf(daemon->url, sizeof daemon->url, "ipc://%s/run/rpc.sock", daemon->dir);
    static const char *const parts[] = {"data", "run"};
    for (size_t i = 0; i < 2; i++) {
        snprintf(path, sizeof path, "%s/%s", daemon->dir, parts[i]);
        if (mkdir(path, 0700) != 0) return fail(error, JWKD_UNAVAILABLE, "%s: %s", path, strerror(errno));
    }
    return JWKD_OK;
}

static jwkd_status await_answer(struct daemon *daemon, double begin, jwkd_error *error)
{
    const struct timespec pause = {.tv_nsec = 1000000};
    for (;;) {
        CLEANUP(jwkd_close_at) jwkd_client *client = NULL;
        if (jwkd_open(daemon->url, NULL, &client, error) == JWKD_OK &&
            jwkd_ping(client, NULL, error) == JWKD_OK) {
            daemon->started_sec = now_sec() - begin;
            return JWKD_OK;
        }
        if (waitpid(daemon->pid, NULL, WNOHANG) == daemon->pid) {
            daemon->pid = 0;
            return fail(error, JWKD_UNREACHABLE, "the daemon ended while starting");
        }
        if (now_sec() - begin > 30)
            return fail(error, JWKD_TIMED_OUT, "the daemon did not answer within 30 s");
        nanosleep(&pause, NULL);
    }
}

jwkd_status daemon_start(
    struct daemon *daemon, const struct bench *bench, unsigned reserve, jwkd_error *error)
{
    char path[520];
    if (!daemon_path(path, sizeof path))
        return fail(error, JWKD_NOT_FOUND, "there is no jwkd beside this program");
    TRY(make_directory(daemon, bench, error));
    double begin = now_sec();
    pid_t pid = fork();
    if (pid < 0) return fail(error, JWKD_UNAVAILABLE, "fork: %s", strerror(errno));
    if (pid == 0 && daemon->upstream) run_relay(path, daemon);
    if (pid == 0) run_daemon(path, daemon, reserve);
    daemon->pid = pid;
    return await_answer(daemon, begin, error);
}

static void end(struct daemon *daemon, int signal_number)
{
    if (daemon->pid == 0) return;
    kill(daemon->pid, signal_number);
    kill(daemon->pid, SIGCONT); /* it may stand still */
    waitpid(daemon->pid, NULL, 0);
    daemon->pid = 0;
}

void daemon_stop(struct daemon *daemon)
{
    end(daemon, SIGTERM);
}

void daemon_kill(struct daemon *daemon)
{
    end(daemon, SIGKILL);
}

void daemon_pause(const struct daemon *daemon)
{
    kill(daemon->pid, SIGSTOP);
    waitpid(daemon->pid, NULL, WUNTRACED);
}

void daemon_resume(const struct daemon *daemon)
{
    kill(daemon->pid, SIGCONT);
}

static int remove_one(const char *path, const struct stat *information, int kind, struct FTW *place)
{
    (void)information;
    (void)kind;
    (void)place;
    return remove(path);
}

void daemon_clear(struct daemon *daemon)
{
    daemon_stop(daemon);
    if (daemon->dir[0]) nftw(daemon->dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
    daemon->dir[0] = '\0';
}

jwkd_status daemon_resident(const struct daemon *daemon, double *out_mib, jwkd_error *error)
{
    char path[64], line[256];
    unsigned long kib = 0;
    snprintf(path, sizeof path, "/proc/%d/status", daemon->pid);
    FILE *file = fopen(path, "r");
    if (!file) return fail(error, JWKD_UNAVAILABLE, "%s: %s", path, strerror(errno));
    while (kib == 0 && fgets(line, sizeof line, file))
        if (strncmp(line, "VmRSS:", 6) == 0) kib = strtoul(line + 6, NULL, 10);
    fclose(file);
    *out_mib = (double)kib / 1024;
    return JWKD_OK;
}

static jwkd_status write_token(struct daemon *daemon, const char *token, jwkd_error *error)
{
    snprintf(daemon->token_file, sizeof daemon->token_file, "%s/token", daemon->dir);
    int fd = open(daemon->token_file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    bool written = fd >= 0 && write(fd, token, strlen(token)) == (ssize_t)strlen(token);
    if (fd >= 0) close(fd);
    return written ? JWKD_OK : fail(error, JWKD_UNAVAILABLE, "%s cannot be written", daemon->token_file);
}

jwkd_status daemon_make_token(struct daemon *daemon, jwkd_error *error)
{
    static const char *const ROLES[] = {"signer", "viewer"};
    CLEANUP(jwkd_close_at) jwkd_client *client = NULL;
    CLEANUP(block_free_at) jwkd_api_token *token = NULL;
    TRY(connect_to(daemon, &client, error));
    TRY(jwkd_account_create(client, "bench", NULL, NULL, error));
    TRY(jwkd_api_token_create(client, "bench", NULL, 0, &token, error));
    for (size_t i = 0; i < sizeof ROLES / sizeof *ROLES; i++) {
        const jwkd_grant_wish wish = {.principal = "account:bench", .role = ROLES[i], .environment = "*"};
        TRY(jwkd_grant_add(client, &wish, NULL, error));
    }
    return write_token(daemon, token->secret, error);
}

jwkd_status connect_to(const struct daemon *daemon, jwkd_client **out, jwkd_error *error)
{
    const jwkd_client_options options = {.name = "jwkd-bench", .timeout_ms = 30000};
    jwkd_status status = jwkd_open(daemon->url, &options, out, error);
    siginfo_t ended = {0};
    if (status != JWKD_OK && waitid(P_PID, (id_t)daemon->pid, &ended, WEXITED | WNOHANG | WNOWAIT) == 0 &&
        ended.si_pid != 0)
        return fail(error, status, "the daemon has ended: %s %d",
            ended.si_code == CLD_EXITED ? "exit status" : "signal", ended.si_status);
    return status;
}

jwkd_status make_environment(
    jwkd_client *client, const char *name, const char *algorithm, uint32_t bits, jwkd_error *error)
{
    const jwkd_environment wanted = {.name = name,
        .issuer = "https://issuer.example",
        .default_algorithm = algorithm,
        .default_bits = bits,
        .default_audience = "https://api.example"};
    CLEANUP(block_free_at) jwkd_environment *made = NULL;
    return jwkd_environment_create(client, &wanted, &made, error);
}

jwkd_status await_reserve(
    jwkd_client *client, const char *key_type, double patience_sec, uint32_t *out_ready, jwkd_error *error)
{
    const struct timespec pause = {.tv_nsec = 5000000};
    double begin = now_sec();
    for (;;) {
        CLEANUP(block_free_at) jwkd_service_status *status = NULL;
        TRY(jwkd_get_status(client, &status, error));
        uint32_t ready = 0, wanted = UINT32_MAX;
        for (size_t i = 0; i < status->reserve_count; i++) {
            if (strcmp(status->reserves[i].key_type, key_type) != 0) continue;
            ready = status->reserves[i].ready;
            wanted = status->reserves[i].wanted;
        }
        if (ready >= wanted || now_sec() - begin > patience_sec) {
            *out_ready = ready;
            return JWKD_OK;
        }
        nanosleep(&pause, NULL);
    }
}
