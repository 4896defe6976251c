#include "net/listen.h"

#include <stdio.h>
#include <sys/stat.h>

jwkd_status net_listen(nng_socket socket, const char *url, size_t largest, jwkd_error *error)
{
    nng_listener listener;
    int result = nng_listener_create(&listener, socket, url);
    if (result == 0 && strncmp(url, "ipc:", 4) == 0)
        result =
            nng_listener_set_int(listener, NNG_OPT_IPC_PERMISSIONS, S_IRUSR | S_IWUSR | S_IRGRP | S_IWGRP);
    if (result == 0) result = nng_listener_set_size(listener, NNG_OPT_RECVMAXSZ, largest);
    if (result == 0) result = nng_listener_start(listener, 0);
    if (result == NNG_EADDRINUSE)
        return fail(
            error, JWKD_UNAVAILABLE, "cannot listen on %s: another program does, perhaps another jwkd", url);
    if (result != 0)
        return fail(error, JWKD_UNAVAILABLE, "cannot listen on %s: %s", url, nng_strerror(result));
    return JWKD_OK;
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
