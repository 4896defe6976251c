/* The service's URLs: reading the one that is dialled, and deciding which others may follow from it. */
#ifndef WIRE_URL_H
#define WIRE_URL_H

#include <sys/types.h>

#include "base/bytes.h"

enum transport { TRANSPORT_IPC, TRANSPORT_TCP };

enum { URL_SIZE = 320 }; /* with the final NUL: "tcp://", a host name, a port */

struct url {
    enum transport transport;
    char text[URL_SIZE];  /* as nng takes it */
    char place[URL_SIZE]; /* ipc: the socket's directory; tcp: the host, brackets included */
};

/* Reads "ipc://path", "tcp://host:port" or a path. NULL: $JWKD_URL, else $XDG_RUNTIME_DIR/jwkd/rpc.sock
 * where that exists, else /run/jwkd/rpc.sock. INVALID_ARGUMENT. */
jwkd_status url_parse(const char *text, struct url *out, jwkd_error *error) MUST_CHECK;

/* The URL to dial for what the service behind `dialled` offers: the same transport and the same directory or
 * host (a tcp URL without host means the dialled one; all names and addresses of the loopback interface are
 * one host). DENIED for anything else: following it would weaken
 * transport or identity. */
jwkd_status url_follow(const struct url *dialled, const char *offered, struct url *out) MUST_CHECK;

/* Whether both lead to the same socket, however they spell it. */
bool url_same(const struct url *one, const struct url *other);

/* Whether a process of this user may own the other end of an ipc socket: root, or the owner of the
 * directory that the socket is in. */
bool url_trusts_uid(const struct url *url, uid_t uid);

#endif
