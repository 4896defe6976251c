#include "bench/link.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>

/* A process that does nothing but have a namespace of its own; 0: it cannot. */
static pid_t hold_namespace(void)
{
    int tell[2];
    char made = 0;
    if (pipe2(tell, O_CLOEXEC) != 0) return 0;
    pid_t pid = fork();
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        made = unshare(CLONE_NEWNET) == 0;
        if (write(tell[1], &made, 1) != 1 || !made) _exit(1);
        for (;;)
            pause();
    }
    close(tell[1]);
    if (pid > 0 && (read(tell[0], &made, 1) != 1 || !made)) {
        waitpid(pid, NULL, 0);
        pid = 0;
    }
    close(tell[0]);
    return pid > 0 ? pid : 0;
}

enum { WORDS = 12 };

/* ip(8) inside of a namespace. */
static bool ip(pid_t namespace, const char *const words[WORDS])
{
    int status = -1;
    pid_t pid = fork();
    if (pid == 0) {
        int nowhere = open("/dev/null", O_RDWR | O_CLOEXEC);
        dup2(nowhere, STDOUT_FILENO);
        dup2(nowhere, STDERR_FILENO);
        if (enter_netns(namespace)) execvp("ip", (char *const *)(uintptr_t)words);
        _exit(127);
    }
    return pid > 0 && waitpid(pid, &status, 0) == pid && status == 0;
}

jwkd_status link_make(struct link *out, jwkd_error *error)
{
    struct link link = {.here = hold_namespace()};
    char other[16];
    if (link.here) link.there = hold_namespace();
    snprintf(other, sizeof other, "%d", (int)link.there);
    bool made =
        link.there &&
        ip(link.here, (const char *const[WORDS]){"ip", "link", "add", "jwkd0", "type", "veth", "peer", "name",
                          "jwkd1", "netns", other}) &&
        ip(link.here, (const char *const[WORDS]){"ip", "addr", "add", LINK_HERE "/24", "dev", "jwkd0"}) &&
        ip(link.there, (const char *const[WORDS]){"ip", "addr", "add", "10.211.0.2/24", "dev", "jwkd1"}) &&
        ip(link.here, (const char *const[WORDS]){"ip", "link", "set", "jwkd0", "up"}) &&
        link_set(&link, true);
    if (!made) {
        link_clear(&link);
        return fail(error, JWKD_UNSUPPORTED, "no network namespaces can be made");
    }
    *out = link;
    return JWKD_OK;
}

bool link_set(const struct link *link, bool up)
{
    return ip(link->there, (const char *const[WORDS]){"ip", "link", "set", "jwkd1", up ? "up" : "down"});
}

void link_clear(struct link *link)
{
    const pid_t pids[] = {link->here, link->there};
    for (size_t i = 0; i < 2; i++) {
        if (pids[i] == 0) continue;
        kill(pids[i], SIGKILL);
        waitpid(pids[i], NULL, 0);
    }
    *link = (struct link){0};
}
