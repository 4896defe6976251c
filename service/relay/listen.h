/* Where a relay listens, and what its callers are told of it. */
#ifndef RELAY_LISTEN_H
#define RELAY_LISTEN_H

#include <nng/nng.h>

#include "base/bytes.h"

/* Listens; ipc sockets get mode 0660. UNAVAILABLE says which URL could not be listened on. */
jwkd_status listen_on(nng_socket socket, const char *url, size_t largest, jwkd_error *error) MUST_CHECK;

enum { LISTEN_TOLD = 256 };
/* A tcp URL that means every address is told without a host: the caller takes the one that it dialled. */
void listen_told_url(const char *url, char out[LISTEN_TOLD]);

#endif
