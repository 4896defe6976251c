#include "net/endpoint.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/cleanup.h"

enum {
    BACKLOG = 4096,
    BUFFER = 128 * 1024,
    UNSENT = 16 * 1024,
    IPC_MODE = S_IRUSR | S_IWUSR | S_IRGRP | S_IWGRP
};

static const char IPC[] = "ipc://", TCP[] = "tcp://";

static jwkd_status cannot(const char *where, int why, jwkd_error *error)
{
    if (why == EADDRINUSE)
        return fail(error, JWKD_UNAVAILABLE,
            "cannot listen on %.200s: another program does, perhaps another jwkd", where);
    return fail(error, JWKD_UNAVAILABLE, "cannot listen on %.200s: %s", where, strerror(why));
}

static int new_socket(int family)
{
    return socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
}

/* ---- ipc */

static jwkd_status ipc_address(const char *path, struct sockaddr_un *out, jwkd_error *error)
{
    *out = (struct sockaddr_un){.sun_family = AF_UNIX};
    size_t size = strlen(path);
    if (size == 0 || size >= sizeof out->sun_path)
        return fail(error, JWKD_INVALID_ARGUMENT, "a socket's path has 1 to %zu bytes, not %zu",
            sizeof out->sun_path - 1, size);
    memcpy(out->sun_path, path, size);
    return JWKD_OK;
}

/* Whoever listens takes the connection, or has too many that wait. */
static bool somebody_listens(const struct sockaddr_un *address)
{
    CLEANUP(fd_close_at) int fd = new_socket(AF_UNIX);
    if (fd < 0) return true;
    return connect(fd, (const struct sockaddr *)address, sizeof *address) == 0 || errno != ECONNREFUSED;
}

jwkd_status endpoint_clear_path(const char *url, jwkd_error *error)
{
    const char *path = url + strlen(IPC);
    struct sockaddr_un address;
    struct stat info;
    TRY(ipc_address(path, &address, error));
    if (lstat(path, &info) != 0) return JWKD_OK; /* nothing there; or binding says what is wrong */
    if (!S_ISSOCK(info.st_mode))
        return fail(error, JWKD_UNAVAILABLE,
            "cannot listen on %.200s: a file is there that is no socket; move it away", url);
    if (somebody_listens(&address)) return cannot(url, EADDRINUSE, error);
    if (unlink(path) != 0 && errno != ENOENT) return cannot(url, errno, error);
    return JWKD_OK;
}

/* Nobody can connect before the mode is right: that takes listen(). */
static int bind_ipc(int fd, const struct sockaddr_un *address)
{
    if (bind(fd, (const struct sockaddr *)address, sizeof *address) != 0) return errno;
    if (chmod(address->sun_path, IPC_MODE) != 0 || listen(fd, BACKLOG) != 0) return errno;
    return 0;
}

static jwkd_status open_ipc(const char *url, struct endpoint *out, jwkd_error *error)
{
    const char *path = url + strlen(IPC);
    struct sockaddr_un address;
    struct stat info;
    TRY(ipc_address(path, &address, error));
    TRY(endpoint_clear_path(url, error));
    CLEANUP(fd_close_at) int fd = new_socket(AF_UNIX);
    int result = fd < 0 ? errno : bind_ipc(fd, &address);
    if (result == 0 && lstat(path, &info) != 0) result = errno;
    if (result != 0) return cannot(url, result, error);
    *out =
        (struct endpoint){.fd = fd, .transport = TRANSPORT_IPC, .device = info.st_dev, .inode = info.st_ino};
    snprintf(out->path, sizeof out->path, "%s", path);
    fd = -1;
    return JWKD_OK;
}

/* ---- tcp */

static int bind_tcp(int fd, const struct addrinfo *address, bool both_families)
{
    const int on = 1, only = !both_families, buffer = BUFFER, unsent = UNSENT;
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0) return errno;
    if (address->ai_family == AF_INET6 && setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &only, sizeof only) != 0)
        return errno;
    /* Else the system takes some MiB for each connection that asks and does not read. What the peer has no
     * room for is bounded by itself: each byte of it is an answer that was made, and waits. */
    if (setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &buffer, sizeof buffer) != 0 ||
        setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &buffer, sizeof buffer) != 0 ||
        setsockopt(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &unsent, sizeof unsent) != 0)
        return errno;
    if (bind(fd, address->ai_addr, address->ai_addrlen) != 0) return errno;
    return listen(fd, BACKLOG) == 0 ? 0 : errno;
}

static int open_address(const struct addrinfo *address, bool both_families, struct endpoint *out)
{
    CLEANUP(fd_close_at) int fd = new_socket(address->ai_family);
    int result = fd < 0 ? errno : bind_tcp(fd, address, both_families);
    if (result != 0) return result;
    *out = (struct endpoint){.fd = fd, .transport = TRANSPORT_TCP};
    fd = -1;
    return 0;
}

/* Every address of this machine: one socket of IPv6 takes IPv4 as well; a machine without IPv6 has the other.
 */
static int open_any(const struct addrinfo *addresses, struct endpoint *out)
{
    const int families[] = {AF_INET6, AF_INET};
    int result = EADDRNOTAVAIL;
    for (size_t i = 0; i < 2; i++)
        for (const struct addrinfo *address = addresses; address; address = address->ai_next) {
            if (address->ai_family != families[i]) continue;
            result = open_address(address, true, out);
            if (result == 0 || result == EADDRINUSE) return result;
        }
    return result;
}

static int open_each(const struct addrinfo *addresses, struct endpoint *out, size_t *out_count)
{
    int result = EADDRNOTAVAIL;
    for (const struct addrinfo *address = addresses; address && *out_count < ENDPOINT_ADDRESSES;
         address = address->ai_next) {
        int opened = open_address(address, false, &out[*out_count]);
        if (opened == 0) (*out_count)++;
        if (result != 0) result = opened; /* one address of several may have gone */
        if (opened == EADDRINUSE) return opened;
    }
    return result;
}

static void free_addresses(struct addrinfo *addresses)
{
    if (addresses) freeaddrinfo(addresses);
}
DEFINE_CLEANUP(struct addrinfo *, free_addresses)

/* "host:port", "[address]:port", ":port", "*:port" */
static jwkd_status split_address(
    const char *text, char host[URL_SIZE], const char **out_port, jwkd_error *error)
{
    const char *colon = strrchr(text, ':');
    size_t size = colon ? (size_t)(colon - text) : 0;
    if (!colon || !colon[1] || size >= URL_SIZE)
        return fail(error, JWKD_INVALID_ARGUMENT, "tcp://%.200s has no port", text);
    if (size > 2 && text[0] == '[' && text[size - 1] == ']') text++, size -= 2;
    memcpy(host, text, size);
    host[size] = '\0';
    if (strcmp(host, "*") == 0) host[0] = '\0';
    *out_port = colon + 1;
    return JWKD_OK;
}

/* Without a host: an empty one, and the addresses that mean all. */
static jwkd_status find_addresses(
    const char *url, char host[URL_SIZE], struct addrinfo **out, jwkd_error *error)
{
    const char *port = NULL;
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE | AI_NUMERICSERV};
    TRY(split_address(url + strlen(TCP), host, &port, error));
    int found = getaddrinfo(host[0] ? host : NULL, port, &hints, out);
    if (found != 0)
        return fail(error, JWKD_UNAVAILABLE, "cannot listen on %.200s: %s", url, gai_strerror(found));
    return JWKD_OK;
}

static jwkd_status open_tcp(const char *url, struct endpoint *out, size_t *out_count, jwkd_error *error)
{
    char host[URL_SIZE];
    CLEANUP(free_addresses_at) struct addrinfo *addresses = NULL;
    TRY(find_addresses(url, host, &addresses, error));
    size_t count = 0;
    int result = host[0] ? open_each(addresses, out, &count) : open_any(addresses, out);
    if (result == 0) {
        *out_count = host[0] ? count : 1;
        return JWKD_OK;
    }
    while (count > 0)
        endpoint_close(&out[--count]);
    return cannot(url, result, error);
}

jwkd_status endpoint_addresses(
    const char *url, char out[ENDPOINT_ADDRESSES][URL_SIZE], size_t *out_count, jwkd_error *error)
{
    char host[URL_SIZE], address[NI_MAXHOST], port[NI_MAXSERV];
    CLEANUP(free_addresses_at) struct addrinfo *addresses = NULL;
    TRY(find_addresses(url, host, &addresses, error));
    size_t count = 0;
    for (const struct addrinfo *at = addresses; at && count < ENDPOINT_ADDRESSES; at = at->ai_next) {
        int result = getnameinfo(at->ai_addr, at->ai_addrlen, address, sizeof address, port, sizeof port,
            NI_NUMERICHOST | NI_NUMERICSERV);
        if (result != 0)
            return fail(error, JWKD_UNAVAILABLE, "cannot listen on %.200s: %s", url, gai_strerror(result));
        snprintf(out[count++], URL_SIZE, at->ai_family == AF_INET6 ? "tcp://[%.100s]:%s" : "tcp://%.100s:%s",
            address, port);
    }
    *out_count = count;
    return JWKD_OK;
}

/* ---- for all */

jwkd_status endpoint_open(const char *url, struct endpoint *out, size_t *out_count, jwkd_error *error)
{
    if (strncmp(url, TCP, strlen(TCP)) == 0) return open_tcp(url, out, out_count, error);
    if (strncmp(url, IPC, strlen(IPC)) != 0)
        return fail(
            error, JWKD_INVALID_ARGUMENT, "cannot listen on %.200s: a URL begins with ipc:// or tcp://", url);
    TRY(open_ipc(url, out, error));
    *out_count = 1;
    return JWKD_OK;
}

jwkd_status endpoint_try(const char *url, jwkd_error *error)
{
    struct endpoint opened[ENDPOINT_ADDRESSES];
    size_t count = 0;
    TRY(endpoint_open(url, opened, &count, error));
    while (count > 0)
        endpoint_close(&opened[--count]);
    return JWKD_OK;
}

int endpoint_accept(const struct endpoint *endpoint)
{
    const int on = 1;
    int fd = accept4(endpoint->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0 || endpoint->transport != TRANSPORT_TCP) return fd;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on); /* a host that is gone keeps no descriptor */
    return fd;
}

void endpoint_close(struct endpoint *endpoint)
{
    struct stat info;
    if (endpoint->fd < 0) return;
    if (endpoint->transport == TRANSPORT_IPC && lstat(endpoint->path, &info) == 0 &&
        info.st_dev == endpoint->device && info.st_ino == endpoint->inode)
        unlink(endpoint->path);
    close(endpoint->fd);
    endpoint->fd = -1;
}
