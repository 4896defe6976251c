#include "net/peer.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>

static jwkd_status peer_of_ipc(int fd, struct peer *out)
{
    struct ucred who;
    socklen_t size = sizeof who;
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &size) != 0) return JWKD_UNAVAILABLE;
    snprintf(out->principal, sizeof out->principal, "uid:%u", (unsigned)who.uid);
    memcpy(out->origin, out->principal, sizeof out->origin);
    return JWKD_OK;
}

/* A host has a whole /64 of IPv6. */
static void name_ipv6(struct in6_addr address, char out[PEER_NAME])
{
    char text[INET6_ADDRSTRLEN] = "";
    if (IN6_IS_ADDR_V4MAPPED(&address)) {
        inet_ntop(AF_INET, &address.s6_addr[12], text, sizeof text);
        snprintf(out, PEER_NAME, "%s", text);
        return;
    }
    memset(&address.s6_addr[8], 0, 8);
    inet_ntop(AF_INET6, &address, text, sizeof text);
    snprintf(out, PEER_NAME, "%s/64", text);
}

static jwkd_status peer_of_tcp(int fd, struct peer *out)
{
    union {
        struct sockaddr any;
        struct sockaddr_in ipv4;
        struct sockaddr_in6 ipv6;
    } address = {0};
    socklen_t size = sizeof address;
    if (getpeername(fd, &address.any, &size) != 0) return JWKD_UNAVAILABLE;
    snprintf(out->principal, sizeof out->principal, "anonymous");
    if (address.any.sa_family == AF_INET6)
        name_ipv6(address.ipv6.sin6_addr, out->origin);
    else
        inet_ntop(AF_INET, &address.ipv4.sin_addr, out->origin, sizeof out->origin);
    return JWKD_OK;
}

jwkd_status peer_of(int fd, enum transport transport, struct peer *out)
{
    *out = (struct peer){0};
    return transport == TRANSPORT_IPC ? peer_of_ipc(fd, out) : peer_of_tcp(fd, out);
}
