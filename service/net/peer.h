/* Who is at the other end of a connection. */
#ifndef NET_PEER_H
#define NET_PEER_H

#include <sys/socket.h>

#include "base/bytes.h"
#include "wire/url.h"

enum { PEER_NAME = 64 };
#define PEER_ANONYMOUS "anonymous"

struct peer {
    char principal[PEER_NAME]; /* "uid:N" over ipc, as the system says at the accept; "anonymous" elsewhere */
    bool is_local;             /* over ipc */
    bool is_private; /* nobody else reads what is sent: over ipc, or both ends have a loopback address */
    char origin[PEER_NAME]; /* who has the connection's share: the uid; over tcp the address, of IPv6 its /64
                             */
};

/* The parts of it. `address` is of AF_INET or AF_INET6. */
void peer_name_uid(uint64_t uid, char out[PEER_NAME]);
/* The uid as a principal: what the kernel says for a uid that has no name here is nobody's. */
void peer_name_principal(uint64_t uid, char out[PEER_NAME]);
void peer_name_address(const struct sockaddr *address, char out[PEER_NAME]);

/* UNAVAILABLE: the connection is gone already. */
jwkd_status peer_of(int fd, enum transport transport, struct peer *out) MUST_CHECK;

#endif
