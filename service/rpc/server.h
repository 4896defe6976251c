/* Requests over request-reply: from the net to the door, and back. */
#ifndef RPC_SERVER_H
#define RPC_SERVER_H

#include "operations/door.h"

struct rpc_server;

struct rpc_options {
    struct door *door;       /* is closed after rpc_stop(), and freed before rpc_free() */
    const char *const *urls; /* where to listen; ipc sockets get mode 0660 */
    size_t url_count;
    /* With a sentence for the operator; any thread; may come often. May be NULL. */
    void (*on_trouble)(void *context, jwkd_status status, const char *message);
    void *context;
};

/* Listens and serves. UNAVAILABLE says which URL could not be listened on. */
jwkd_status rpc_start(
    const struct rpc_options *options, struct rpc_server **out, jwkd_error *error) MUST_CHECK;
/* Listens no more, reads no more, and answers what it has read: for `patience_ms` at most. Before
 * keyring_stop(). Returns how many requests were left without an answer that was taken. NULL is fine. */
size_t rpc_drain(struct rpc_server *server, unsigned patience_ms);
/* Closes all connections; after keyring_stop(). NULL is fine. */
void rpc_stop(struct rpc_server *server);
/* When nobody answers any more: after door_close(). NULL is fine. */
void rpc_free(struct rpc_server *server);

#endif
