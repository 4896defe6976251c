/* Sockets that listen for requests. */
#ifndef NET_ENDPOINT_H
#define NET_ENDPOINT_H

#include <sys/types.h>

#include "base/bytes.h"
#include "wire/url.h"

enum { ENDPOINT_ADDRESSES = 8 }; /* that one host name may have */

struct endpoint {
    int fd; /* does not block; -1: none */
    enum transport transport;
    char path[URL_SIZE]; /* of an ipc socket, */
    dev_t device;        /* and which file that is */
    ino_t inode;
};

/* Listens on "ipc://path" (mode 0660) or "tcp://host:port": on each address of the host, and without a host
 * (or with "*") on all of this machine, of both families where there are both. `out` has room for
 * ENDPOINT_ADDRESSES. UNAVAILABLE says what is in the way: another program that listens, or a file that is no
 * socket. */
jwkd_status endpoint_open(
    const char *url, struct endpoint *out, size_t *out_count, jwkd_error *error) MUST_CHECK;

/* "tcp://address:port" for each address that the host of a tcp URL has: nng takes the first one alone. */
jwkd_status endpoint_addresses(
    const char *url, char out[ENDPOINT_ADDRESSES][URL_SIZE], size_t *out_count, jwkd_error *error) MUST_CHECK;

/* Fails as endpoint_open() would, and leaves nothing behind: to know it before something else is made. */
jwkd_status endpoint_try(const char *url, jwkd_error *error) MUST_CHECK;

/* One that waits, not blocking; -1 with errno where there is none. */
int endpoint_accept(const struct endpoint *endpoint);

/* Stops listening, and removes the socket's file unless it is another's by now. May be called twice. */
void endpoint_close(struct endpoint *endpoint);

/* Whether an ipc socket can be made where "ipc://path" says: nothing is there, or a socket on which nobody
 * listens, which is removed. UNAVAILABLE says what is there else. */
jwkd_status endpoint_clear_path(const char *url, jwkd_error *error) MUST_CHECK;

#endif
