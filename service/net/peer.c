#include "net/peer.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <stdio.h>

enum { OVERFLOW_UID = 65534 }; /* what the kernel calls uids that have no name here */

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

void peer_name_address(const struct sockaddr *address, char out[PEER_NAME])
{
    out[0] = '\0';
    if (address->sa_family == AF_INET6)
        name_ipv6(((const struct sockaddr_in6 *)(const void *)address)->sin6_addr, out);
    else
        inet_ntop(AF_INET, &((const struct sockaddr_in *)(const void *)address)->sin_addr, out, PEER_NAME);
}

void peer_name_uid(uint64_t uid, char out[PEER_NAME])
{
    snprintf(out, PEER_NAME, "uid:%" PRIu64, uid);
}

void peer_name_principal(uint64_t uid, char out[PEER_NAME])
{
    if (uid == OVERFLOW_UID)
        memcpy(out, PEER_ANONYMOUS, sizeof PEER_ANONYMOUS);
    else
        peer_name_uid(uid, out);
}

static jwkd_status peer_of_ipc(int fd, struct peer *out)
{
    struct ucred who;
    socklen_t size = sizeof who;
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &size) != 0) return JWKD_UNAVAILABLE;
    peer_name_uid(who.uid, out->origin);
    peer_name_principal(who.uid, out->principal);
    out->is_local = out->is_private = true;
    return JWKD_OK;
}

union address {
    struct sockaddr any;
    struct sockaddr_in ipv4;
    struct sockaddr_in6 ipv6;
};

static bool is_loopback(const union address *address)
{
    const struct in6_addr *ipv6 = &address->ipv6.sin6_addr;
    if (address->any.sa_family == AF_INET)
        return ntohl(address->ipv4.sin_addr.s_addr) >> 24 == IN_LOOPBACKNET;
    if (address->any.sa_family != AF_INET6) return false;
    return IN6_IS_ADDR_LOOPBACK(ipv6) || (IN6_IS_ADDR_V4MAPPED(ipv6) && ipv6->s6_addr[12] == IN_LOOPBACKNET);
}

static jwkd_status peer_of_tcp(int fd, struct peer *out)
{
    union address theirs = {0}, ours = {0};
    socklen_t size = sizeof theirs, our_size = sizeof ours;
    if (getpeername(fd, &theirs.any, &size) != 0 || getsockname(fd, &ours.any, &our_size) != 0)
        return JWKD_UNAVAILABLE;
    snprintf(out->principal, sizeof out->principal, PEER_ANONYMOUS);
    out->is_private = is_loopback(&theirs) && is_loopback(&ours);
    peer_name_address(&theirs.any, out->origin);
    return JWKD_OK;
}

jwkd_status peer_of(int fd, enum transport transport, struct peer *out)
{
    *out = (struct peer){0};
    return transport == TRANSPORT_IPC ? peer_of_ipc(fd, out) : peer_of_tcp(fd, out);
}
