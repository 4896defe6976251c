/* Requests over nng REQ/REP. */
#ifndef RPC_SERVER_H
#define RPC_SERVER_H

#include "keyring/keyring.h"

struct rpc_server;

struct rpc_options {
    struct keyring *keyring;
    struct registry *registry; /* outlives the server */
    uint8_t boot_id[16];
    const char *version;
    const char *const *urls; /* where to listen; ipc sockets get mode 0660 */
    size_t url_count;
    const char *const *events_urls; /* told to clients in hello */
    size_t events_url_count;
    uint32_t heartbeat_ms;
    unsigned workers; /* 0: one a processor */
    unsigned queue;   /* requests that may wait for a worker; 0: 128 */
};

/* Listens and serves. UNAVAILABLE says which URL could not be listened on. */
jwkd_status rpc_start(
    const struct rpc_options *options, struct rpc_server **out, jwkd_error *error) MUST_CHECK;
/* Answers what was begun, then closes; after keyring_stop(), before keyring_close(). NULL is fine. */
void rpc_stop(struct rpc_server *server);

#endif
