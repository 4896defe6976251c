/* A peer that connects and closes at once must not silence a listener.
 *
 * nng 1.5.2 writes its greeting on a new connection; when the peer is gone already the system says EPIPE,
 * which nng turns into "closed", which its listener takes for its own end: it never accepts again. Any local
 * process could so cut the service off. ECONNRESET says the same of the connection and nothing of the
 * listener; so that is what libnng is told. The dynamic linker resolves its sendmsg() to this one. */
#include <errno.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

__attribute__((visibility("default"))) ssize_t sendmsg(int socket, const struct msghdr *message, int flags)
{
    ssize_t sent = syscall(SYS_sendmsg, socket, message, flags);
    if (sent < 0 && errno == EPIPE) errno = ECONNRESET;
    return sent;
}
