#include "bench/rough.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "net/sp.h"
#include "wire/wire.h"

static int connect_ipc(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "%.100s", path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || connect(fd, (const struct sockaddr *)&address, sizeof address) == 0) return fd;
    close(fd);
    return -1;
}

static int connect_tcp(const char *port, unsigned host)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct sockaddr_in from = to;
    to.sin_port = htons((uint16_t)strtoul(port, NULL, 10));
    from.sin_addr.s_addr = htonl((INADDR_LOOPBACK & 0xffffff00) | host);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd >= 0 && bind(fd, (const struct sockaddr *)&from, sizeof from) == 0 &&
        connect(fd, (const struct sockaddr *)&to, sizeof to) == 0)
        return fd;
    if (fd >= 0) close(fd);
    return -1;
}

int rough_dial_as(const char *url, unsigned host, enum rough_role role)
{
    const uint8_t greeting[SP_GREETING] = {0, 'S', 'P', 0, 0, (uint8_t)role, 0, 0};
    uint8_t heard[SP_GREETING];
    const char *port = strrchr(url, ':');
    int fd = strncmp(url, "ipc://", 6) == 0 ? connect_ipc(url + 6) : connect_tcp(port + 1, host);
    if (fd >= 0 && send(fd, greeting, SP_GREETING, MSG_NOSIGNAL) == SP_GREETING &&
        recv(fd, heard, SP_GREETING, MSG_WAITALL) == SP_GREETING)
        return fd;
    if (fd >= 0) close(fd);
    return -1;
}

int rough_dial(const char *url, unsigned host)
{
    return rough_dial_as(url, host, ROUGH_REQ);
}

bool rough_append(enum transport transport, const Jwkd__V1__Request *request, struct buffer *out)
{
    static const uint8_t id[4] = {0x80, 0, 0, 1};
    uint8_t head[SP_HEAD];
    size_t size =
        sp_head(transport, bytes_of(id, sizeof id), jwkd__v1__request__get_packed_size(request), head);
    return buffer_append(out, head, size) == JWKD_OK && wire_pack(&request->base, out) == JWKD_OK;
}

size_t rough_write(int fd, struct bytes bytes, int patience_ms)
{
    size_t written = 0;
    struct pollfd writable = {.fd = fd, .events = POLLOUT};
    while (written < bytes.size && poll(&writable, 1, patience_ms) == 1) {
        ssize_t taken = send(fd, bytes.data + written, bytes.size - written, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (taken < 0 && errno != EAGAIN) break;
        if (taken > 0) written += (size_t)taken;
    }
    return written;
}

static bool read_all(int fd, void *to, size_t size, int patience_ms)
{
    struct pollfd readable = {.fd = fd, .events = POLLIN};
    for (size_t came = 0; came < size;) {
        if (poll(&readable, 1, patience_ms) != 1) return false;
        ssize_t more = recv(fd, (char *)to + came, size - came, MSG_DONTWAIT);
        if (more == 0 || (more < 0 && errno != EAGAIN)) return false;
        if (more > 0) came += (size_t)more;
    }
    return true;
}

bool rough_read_into(int fd, enum transport transport, int patience_ms, struct buffer *out)
{
    uint8_t head[1 + 8 + 4];
    const size_t prefix = transport == TRANSPORT_IPC ? 1 : 0;
    if (!read_all(fd, head, prefix + 8 + 4, patience_ms)) return false;
    uint64_t size = 0;
    for (size_t i = prefix; i < prefix + 8; i++)
        size = size << 8 | head[i];
    if (size < 4 || size > LIMIT_REPLY || buffer_reserve(out, (size_t)size) != JWKD_OK) return false;
    out->size = (size_t)size - 4;
    return read_all(fd, out->data, out->size, patience_ms);
}

bool rough_read(int fd, enum transport transport, int patience_ms)
{
    CLEANUP(buffer_clear) struct buffer answer = {0};
    return rough_read_into(fd, transport, patience_ms, &answer);
}
