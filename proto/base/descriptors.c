#include "base/descriptors.h"

#include <fcntl.h>
#include <unistd.h>

bool descriptors_hold_standard(void)
{
    /* In this order each open() takes the number that is looked at, for it is the lowest that is free. */
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
        if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY) != fd)
            return false;
    return true;
}
