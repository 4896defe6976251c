#include "dial/explain.h"

#include <errno.h>
#include <nng/nng.h>
#include <string.h>
#include <sys/stat.h>

static jwkd_status explain_missing(const struct url *url, const char *path, jwkd_error *error)
{
    struct stat about;
    if (!strchr(path, '/') && strchr(path, ':'))
        return fail(
            error, JWKD_UNREACHABLE, "there is no socket %s here; did you mean tcp://%s?", path, path);
    if (stat(url->place, &about) != 0)
        return fail(error, JWKD_UNREACHABLE, "there is no socket %s, nor a directory %s", path, url->place);
    return fail(error, JWKD_UNREACHABLE, "there is no socket %s: is the service started?", path);
}

static jwkd_status explain_ipc(const struct url *url, int result, jwkd_error *error)
{
    struct stat about;
    const char *path = url->text + strlen("ipc://");
    int reason = stat(path, &about) == 0 ? 0 : errno;
    if (reason == ENOENT || reason == ENOTDIR) return explain_missing(url, path, error);
    if (reason == EACCES || result == NNG_EPERM)
        return fail(error, JWKD_DENIED, "no permission to connect to %s", path);
    if (reason == 0 && S_ISDIR(about.st_mode))
        return fail(error, JWKD_UNREACHABLE, "%s is a directory; the socket is a file in it, say %s/rpc.sock",
            path, path);
    if (reason == 0 && !S_ISSOCK(about.st_mode))
        return fail(error, JWKD_UNREACHABLE, "%s is not a socket", path);
    if (result == NNG_ECONNREFUSED)
        return fail(error, JWKD_UNREACHABLE, "nobody listens at %s any more: is the service started?", path);
    return fail(error, JWKD_UNREACHABLE, "nobody answers at %s: %s", path, nng_strerror(result));
}

static jwkd_status explain_tcp(const struct url *url, int result, jwkd_error *error)
{
    if (result == NNG_EADDRINVAL)
        return fail(error, JWKD_UNREACHABLE, "the name %s is not known", url->place);
    if (result == NNG_ECONNREFUSED) return fail(error, JWKD_UNREACHABLE, "nobody listens at %s", url->text);
    if (result == NNG_ETIMEDOUT)
        return fail(error, JWKD_UNREACHABLE, "nothing came from %s in time", url->text);
    return fail(error, JWKD_UNREACHABLE, "nobody answers at %s: %s", url->text, nng_strerror(result));
}

jwkd_status explain_unreachable(const struct url *url, int result, jwkd_error *error)
{
    if (result == NNG_ENOMEM) return fail(error, JWKD_NO_MEMORY, "out of memory");
    if (result == NNG_EPROTO)
        return fail(error, JWKD_UNREACHABLE,
            "what listens at %s does not answer requests: it is no jwkd, or its event socket", url->text);
    switch (url->transport) {
    case TRANSPORT_IPC:
        return explain_ipc(url, result, error);
    case TRANSPORT_TCP:
        return explain_tcp(url, result, error);
    }
    return fail(error, JWKD_INTERNAL, "a transport that does not exist");
}
