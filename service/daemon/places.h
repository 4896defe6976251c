/* Where the sockets are: their directory, and the URLs to listen on. */
#ifndef DAEMON_PLACES_H
#define DAEMON_PLACES_H

#include <sys/types.h>

#include "daemon/config.h"

struct places {
    char rpc_socket[CONFIG_PATH + 32], events_socket[CONFIG_PATH + 32];
    char listen[CONFIG_MAX_URLS][256], listen_events[CONFIG_MAX_URLS][256];
    const char *rpc_urls[CONFIG_MAX_URLS + 1],
        *events_urls[CONFIG_MAX_URLS + 1]; /* the socket directory's come first */
    size_t rpc_count, events_count;
};

/* A directory and those above it, where they are missing. UNAVAILABLE. */
jwkd_status places_make_directory(const char *path, mode_t mode, jwkd_error *error) MUST_CHECK;
/* Lists the URLs; makes nothing. `out` must stay in place. INVALID_ARGUMENT: the directory's path is too
 * long. */
jwkd_status places_list(const struct config *config, struct places *out, jwkd_error *error) MUST_CHECK;

/* Sees that nothing is in the way of their ipc sockets, as endpoint_clear_path() does. */
jwkd_status places_clear(const struct places *places, jwkd_error *error) MUST_CHECK;
/* Whether all of them can be listened on; their directory exists. Leaves nothing behind. */
jwkd_status places_try(const struct places *places, jwkd_error *error) MUST_CHECK;

#endif
