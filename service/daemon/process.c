#include "daemon/process.h"

#include <linux/capability.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "daemon/log.h"

void process_protect(void)
{
    prctl(PR_SET_DUMPABLE, 0);
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
    umask(027);
}

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1 /* shadow memory is terabytes of address space */
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED 1
#endif
#endif

/* Whether locked memory has no limit for this process. */
static bool may_lock_everything(void)
{
    struct rlimit unlimited = {RLIM_INFINITY, RLIM_INFINITY}, limit;
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = {{0}};
    setrlimit(RLIMIT_MEMLOCK, &unlimited);
    if (getrlimit(RLIMIT_MEMLOCK, &limit) == 0 && limit.rlim_cur == RLIM_INFINITY) return true;
    return syscall(SYS_capget, &header, data) == 0 && (data[0].effective & (1U << CAP_IPC_LOCK)) != 0;
}

static bool has_locked;

bool process_lock_memory(void)
{
#ifdef SANITIZED
    return false && may_lock_everything();
#else
    /* Under a limit, threads' stacks and arenas would use it up and later allocations fail: all
     * or nothing. */
    has_locked = may_lock_everything() && mlockall(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT) == 0;
    return has_locked;
#endif
}

bool process_has_locked(void)
{
    return has_locked;
}

void process_pause_locking(bool locked)
{
    if (locked) mlockall(MCL_CURRENT | MCL_ONFAULT); /* without MCL_FUTURE: new maps are not locked */
}

void process_resume_locking(bool locked)
{
    if (locked)
        mlockall(
            MCL_FUTURE | MCL_ONFAULT); /* without MCL_CURRENT: what was mapped meanwhile stays as it is */
}

static void signals_to_wait_for(sigset_t *set)
{
    sigemptyset(set);
    sigaddset(set, SIGTERM);
    sigaddset(set, SIGINT);
}

void process_block_signals(void)
{
    sigset_t set;
    signals_to_wait_for(&set);
    sigaddset(&set, SIGHUP);
    sigaddset(&set, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
}

int process_wait(void)
{
    sigset_t set;
    int received = 0;
    signals_to_wait_for(&set);
    while (sigwait(&set, &received) != 0)
        continue;
    return received;
}

void process_machine_boot(char out[PROCESS_BOOT_NAME])
{
    FILE *file = fopen("/proc/sys/kernel/random/boot_id", "re");
    if (!file || !fgets(out, PROCESS_BOOT_NAME, file)) out[0] = '\0';
    out[strcspn(out, "\n")] = '\0';
    if (file) fclose(file);
}

static void *watch_shutdown(void *argument)
{
    sleep(*(unsigned *)argument);
    log_error("the shutdown hangs; giving up");
    _exit(1);
}

static struct {
    unsigned ms;
    int code;
} sockets;

static void *watch_sockets(void *argument)
{
    (void)argument;
    nanosleep(&(struct timespec){.tv_sec = sockets.ms / 1000, .tv_nsec = (long)(sockets.ms % 1000) * 1000000},
        NULL);
    log_info("connections of events do not end; leaving them to the system");
    _exit(sockets.code);
}

static void watch(void *(*how)(void *), unsigned *limit)
{
    pthread_t thread;
    if (pthread_create(&thread, NULL, how, limit) == 0) pthread_detach(thread);
}

void process_watchdog(unsigned seconds)
{
    static unsigned limit;
    limit = seconds;
    watch(watch_shutdown, &limit);
}

void process_bound_sockets(unsigned ms, int code)
{
    sockets.ms = ms;
    sockets.code = code;
    watch(watch_sockets, NULL);
}
