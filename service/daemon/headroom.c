#include "daemon/headroom.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/clock.h"

void headroom_raise(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= limit.rlim_max) return;
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit); /* or it stays as it is */
}

enum headroom_news headroom_judge(struct headroom *headroom, uint64_t used, uint64_t limit, uint64_t now_ns)
{
    if (used * 100 >= limit * HEADROOM_SHORT_PERCENT) {
        if (headroom->is_short && now_ns < headroom->told_ns + HEADROOM_REPEAT_SEC * NS_PER_SEC)
            return HEADROOM_NO_NEWS;
        *headroom = (struct headroom){.is_short = true, .told_ns = now_ns};
        return HEADROOM_SHORT;
    }
    if (!headroom->is_short || used * 100 >= limit * HEADROOM_AGAIN_PERCENT) return HEADROOM_NO_NEWS;
    headroom->is_short = false;
    return HEADROOM_AGAIN;
}

int headroom_open(void)
{
    return open("/proc/self/fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

uint64_t headroom_count_entries(int opened)
{
    _Alignas(struct dirent64) char block[16 * 1024];
    uint64_t count = 0;
    if (lseek(opened, 0, SEEK_SET) != 0) return 0;
    for (ssize_t size; (size = getdents64(opened, block, sizeof block)) > 0;)
        for (ssize_t at = 0; at < size; at += ((struct dirent64 *)(void *)(block + at))->d_reclen)
            count += ((struct dirent64 *)(void *)(block + at))->d_name[0] != '.';
    return count;
}

uint64_t headroom_count(int opened)
{
    struct stat directory;
    if (opened < 0) return 0;
    /* Since Linux 6.2 its size is their number. */
    if (fstat(opened, &directory) == 0 && directory.st_size > 0) return (uint64_t)directory.st_size;
    return headroom_count_entries(opened);
}

uint64_t headroom_limit(void)
{
    struct rlimit limit;
    return getrlimit(RLIMIT_NOFILE, &limit) == 0 ? limit.rlim_cur : UINT64_MAX;
}
