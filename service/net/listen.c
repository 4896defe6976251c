#include "net/listen.h"

#include <stdio.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "base/limits.h"
#include "net/endpoint.h"

enum { OTHER_DESCRIPTORS = 64 /* the store's, standard streams, the library's */ };

static int listen_once(nng_socket socket, const char *url, size_t largest)
{
    nng_listener listener;
    int result = nng_listener_create(&listener, socket, url);
    if (result != 0) return result;
    if (strncmp(url, "ipc:", 4) == 0)
        result =
            nng_listener_set_int(listener, NNG_OPT_IPC_PERMISSIONS, S_IRUSR | S_IWUSR | S_IRGRP | S_IWGRP);
    if (result == 0) result = nng_listener_set_size(listener, NNG_OPT_RECVMAXSZ, largest);
    if (result == 0) result = nng_listener_start(listener, 0);
    if (result != 0) nng_listener_close(listener);
    return result;
}

/* The port of a tcp URL that means every address of both families; NULL: it is another one. */
static const char *port_of_any(const char *url)
{
    static const char *const ANY[] = {"tcp://:", "tcp://*:"};
    for (size_t i = 0; i < sizeof ANY / sizeof *ANY; i++)
        if (strncmp(url, ANY[i], strlen(ANY[i])) == 0) return url + strlen(ANY[i]);
    return NULL;
}

/* nng takes such a URL for IPv4 alone. A socket of IPv6 serves both, where the system has IPv6. */
static int listen_on_any(nng_socket socket, const char *port, size_t largest)
{
    char url[URL_SIZE];
    snprintf(url, sizeof url, "tcp://[::]:%s", port);
    int result = listen_once(socket, url, largest);
    if (result == 0 || result == NNG_EADDRINUSE) return result;
    snprintf(url, sizeof url, "tcp://0.0.0.0:%s", port);
    return listen_once(socket, url, largest);
}

/* As endpoint_open() does for requests: on each address of a name, which "localhost" has two of. */
static int listen_on_each(
    nng_socket socket, char urls[ENDPOINT_ADDRESSES][URL_SIZE], size_t count, size_t largest)
{
    int result = NNG_EADDRINVAL;
    for (size_t i = 0; i < count; i++) {
        int listened = listen_once(socket, urls[i], largest);
        if (listened == NNG_EADDRINUSE) return listened;
        if (result != 0) result = listened; /* one address of several may have gone */
    }
    return result;
}

static jwkd_status listen_on(
    nng_socket socket, const char *url, size_t largest, int *out_result, jwkd_error *error)
{
    char urls[ENDPOINT_ADDRESSES][URL_SIZE];
    size_t count = 0;
    const char *port = port_of_any(url);
    if (port) {
        *out_result = listen_on_any(socket, port, largest);
    } else if (strncmp(url, "tcp://", 6) == 0) {
        TRY(endpoint_addresses(url, urls, &count, error));
        *out_result = listen_on_each(socket, urls, count, largest);
    } else {
        if (strncmp(url, "ipc://", 6) == 0)
            TRY(endpoint_clear_path(url, error)); /* nng removes whatever is there */
        *out_result = listen_once(socket, url, largest);
    }
    return JWKD_OK;
}

jwkd_status net_listen(nng_socket socket, const char *url, size_t largest, jwkd_error *error)
{
    int result = 0;
    TRY(listen_on(socket, url, largest, &result, error));
    if (result == NNG_EADDRINUSE)
        return fail(
            error, JWKD_UNAVAILABLE, "cannot listen on %s: another program does, perhaps another jwkd", url);
    if (result != 0)
        return fail(error, JWKD_UNAVAILABLE, "cannot listen on %s: %s", url, nng_strerror(result));
    return JWKD_OK;
}

size_t net_most_connections(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) return LIMIT_CONNECTIONS;
    if (limit.rlim_cur <= 2 * OTHER_DESCRIPTORS) return OTHER_DESCRIPTORS;
    size_t most = (limit.rlim_cur - OTHER_DESCRIPTORS) / 2;
    return most < LIMIT_CONNECTIONS ? most : LIMIT_CONNECTIONS;
}

void net_told_url(const char *url, char out[URL_SIZE])
{
    static const char *const WILDCARDS[] = {"tcp://0.0.0.0:", "tcp://[::]:", "tcp://*:"};
    snprintf(out, URL_SIZE, "%s", url);
    for (size_t i = 0; i < sizeof WILDCARDS / sizeof *WILDCARDS; i++) {
        size_t size = strlen(WILDCARDS[i]);
        if (strncmp(url, WILDCARDS[i], size) == 0) snprintf(out, URL_SIZE, "tcp://:%s", url + size);
    }
}
