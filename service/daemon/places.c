#include "daemon/places.h"

#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>

#include "net/endpoint.h"

jwkd_status places_make_directory(const char *path, mode_t mode, jwkd_error *error)
{
    char partial[CONFIG_PATH];
    snprintf(partial, sizeof partial, "%s", path);
    for (char *slash = strchr(partial + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        mkdir(partial, 0755); /* what is missing is reported below */
        *slash = '/';
    }
    if (mkdir(path, mode) == 0 || errno == EEXIST) return JWKD_OK;
    return fail(error, JWKD_UNAVAILABLE, "the directory %.150s cannot be made: %s", path, strerror(errno));
}

static size_t list_urls(const char **urls, const char *directory, const char *name, char *socket,
    size_t socket_size, char (*more)[256], size_t count)
{
    snprintf(socket, socket_size, "ipc://%s/%s", directory, name);
    urls[0] = socket;
    for (size_t i = 0; i < count; i++)
        urls[i + 1] = more[i];
    return count + 1;
}

jwkd_status places_list(const struct config *config, struct places *out, jwkd_error *error)
{
    if (strlen(config->socket_dir) > 90) /* sun_path holds 108 */
        return fail(error, JWKD_INVALID_ARGUMENT,
            "the socket directory's path is longer than a Unix socket's address may be");
    memcpy(out->listen, config->listen, sizeof out->listen);
    memcpy(out->listen_events, config->listen_events, sizeof out->listen_events);
    out->rpc_count = list_urls(out->rpc_urls, config->socket_dir, "rpc.sock", out->rpc_socket,
        sizeof out->rpc_socket, out->listen, config->listen_count);
    out->events_count = list_urls(out->events_urls, config->socket_dir, "events.sock", out->events_socket,
        sizeof out->events_socket, out->listen_events, config->listen_events_count);
    return JWKD_OK;
}

static jwkd_status clear(const char *const *urls, size_t count, jwkd_error *error)
{
    for (size_t i = 0; i < count; i++)
        if (strncmp(urls[i], "ipc://", strlen("ipc://")) == 0) TRY(endpoint_clear_path(urls[i], error));
    return JWKD_OK;
}

jwkd_status places_clear(const struct places *places, jwkd_error *error)
{
    TRY(clear(places->rpc_urls, places->rpc_count, error));
    return clear(places->events_urls, places->events_count, error);
}

jwkd_status places_try(const struct places *places, jwkd_error *error)
{
    for (size_t i = 0; i < places->rpc_count; i++)
        TRY(endpoint_try(places->rpc_urls[i], error));
    for (size_t i = 0; i < places->events_count; i++)
        TRY(endpoint_try(places->events_urls[i], error));
    return JWKD_OK;
}
