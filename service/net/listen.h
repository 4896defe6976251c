/* Where the service listens, and what its callers are told of it. */
#ifndef NET_LISTEN_H
#define NET_LISTEN_H

#include <nng/nng.h>

#include "base/bytes.h"
#include "wire/url.h"

/* What one may say to a socket that only publishes. */
enum { NET_NOTHING_EXPECTED = 1024 };

/* Listens for messages of `largest` bytes at most; ipc sockets get mode 0660; a tcp URL with a name is for
 * each of its addresses, and without a host, or with "*", for every address of IPv4 and IPv6. UNAVAILABLE
 * says which URL could not be listened on. */
jwkd_status net_listen(nng_socket socket, const char *url, size_t largest, jwkd_error *error) MUST_CHECK;

/* How many connections may ask, and how many may hear events: half each of the descriptors that there are. */
size_t net_most_connections(void);

/* A tcp URL that means every address is told without a host: the caller takes the one that it dialled. */
void net_told_url(const char *url, char out[URL_SIZE]);

#endif
