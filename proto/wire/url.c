#include "wire/url.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static const char IPC[] = "ipc://", TCP[] = "tcp://";
static const char SYSTEM_SOCKET[] = "/run/jwkd/rpc.sock";

static bool begins_with(const char *text, const char *prefix)
{
    return strncmp(text, prefix, strlen(prefix)) == 0;
}

static jwkd_status parse_ipc(const char *path, struct url *out, jwkd_error *error)
{
    size_t size = strlen(path);
    if (size == 0 || size >= sizeof((struct sockaddr_un *)0)->sun_path)
        return fail(error, JWKD_INVALID_ARGUMENT, "a socket's path has 1 to %zu bytes, not %zu",
            sizeof((struct sockaddr_un *)0)->sun_path - 1, size);
    struct url url = {.transport = TRANSPORT_IPC};
    snprintf(url.text, sizeof url.text, "%s%s", IPC, path);
    const char *slash = strrchr(path, '/');
    if (!slash)
        strcpy(url.place, ".");
    else if (slash == path)
        strcpy(url.place, "/");
    else
        memcpy(url.place, path, (size_t)(slash - path));
    *out = url;
    return JWKD_OK;
}

static bool is_port(const char *text)
{
    size_t digits = strspn(text, "0123456789");
    if (digits == 0 || digits > 5 || text[digits] != '\0') return false;
    long port = strtol(text, NULL, 10);
    return port > 0 && port < 65536;
}

static jwkd_status refuse_tcp(const char *address, const char *colon, jwkd_error *error)
{
    static const char FORM[] = "a tcp URL is tcp://host:port, with an IPv6 address in [brackets]";
    const char *end = strrchr(address, ']');
    bool has_port = colon && (!end || colon > end) && colon[1];
    if (!has_port)
        return fail(error, JWKD_INVALID_ARGUMENT, "there is no port in tcp://%.200s: %s", address, FORM);
    if (!is_port(colon + 1))
        return fail(error, JWKD_INVALID_ARGUMENT, "%.100s is no port of 1 to 65535: %s", colon + 1, FORM);
    return fail(error, JWKD_INVALID_ARGUMENT, "tcp://%.150s names no host: %s", address, FORM);
}

/* `host` stands in for a missing one; NULL: a missing one is refused. */
static jwkd_status parse_tcp(const char *address, const char *host, struct url *out, jwkd_error *error)
{
    const char *colon = strrchr(address, ':');
    size_t size = colon ? (size_t)(colon - address) : 0;
    bool bracketed = size > 2 && address[0] == '[' && address[size - 1] == ']';
    bool usable = colon && is_port(colon + 1) && (size > 0 || host) && size < 256 &&
                  (bracketed || !memchr(address, ':', size));
    for (size_t i = 0; usable && i < size; i++)
        usable = isalnum((unsigned char)address[i]) || strchr(".-_:[]%*", address[i]);
    if (!usable) return refuse_tcp(address, colon, error);
    struct url url = {.transport = TRANSPORT_TCP};
    if (size > 0)
        memcpy(url.place, address, size);
    else
        memcpy(url.place, host, strlen(host));
    snprintf(url.text, sizeof url.text, "%.6s%.256s%.6s", TCP, url.place, colon);
    *out = url;
    return JWKD_OK;
}

static const char *default_url(char *room, size_t size)
{
    const char *url = secure_getenv("JWKD_URL");
    if (url && *url) return url;
    const char *runtime = secure_getenv("XDG_RUNTIME_DIR");
    if (!runtime || !*runtime) return SYSTEM_SOCKET;
    int length = snprintf(room, size, "%s/jwkd/rpc.sock", runtime);
    return length > 0 && (size_t)length < size && access(room, F_OK) == 0 ? room : SYSTEM_SOCKET;
}

jwkd_status url_parse(const char *text, struct url *out, jwkd_error *error)
{
    char room[URL_SIZE];
    if (!text) text = default_url(room, sizeof room);
    if (begins_with(text, IPC)) return parse_ipc(text + strlen(IPC), out, error);
    if (begins_with(text, TCP)) return parse_tcp(text + strlen(TCP), NULL, out, error);
    const char *scheme = strstr(text, "://");
    if (scheme)
        return fail(error, JWKD_INVALID_ARGUMENT, "a URL begins with ipc:// or tcp://, not with %.*s://",
            scheme - text < 32 ? (int)(scheme - text) : 32, text);
    return parse_ipc(text, out, error);
}

static bool same_directory(const char *a, const char *b)
{
    if (strcmp(a, b) == 0) return true;
    struct stat one, other;
    return stat(a, &one) == 0 && stat(b, &other) == 0 && one.st_dev == other.st_dev &&
           one.st_ino == other.st_ino;
}

/* An address that is written out, of either family, as one of IPv6. */
static bool read_address(const char *host, struct in6_addr *out)
{
    char text[INET6_ADDRSTRLEN];
    struct in_addr old;
    size_t size = strlen(host);
    if (inet_pton(AF_INET, host, &old) == 1) {
        *out = (struct in6_addr){.s6_addr = {[10] = 0xff, [11] = 0xff}};
        memcpy(&out->s6_addr[12], &old, sizeof old);
        return true;
    }
    if (size < 2 || size - 2 >= sizeof text || host[0] != '[' || host[size - 1] != ']') return false;
    memcpy(text, host + 1, size - 2);
    text[size - 2] = '\0';
    return inet_pton(AF_INET6, text, out) == 1;
}

/* "localhost" is never anything else: RFC 6761 section 6.3. */
static bool is_loopback(const char *host)
{
    struct in6_addr address;
    if (strcasecmp(host, "localhost") == 0) return true;
    return read_address(host, &address) &&
           (IN6_IS_ADDR_LOOPBACK(&address) || (IN6_IS_ADDR_V4MAPPED(&address) && address.s6_addr[12] == 127));
}

/* Nobody is asked for what a name stands for. */
static bool same_host(const char *a, const char *b)
{
    struct in6_addr one, other;
    if (strcasecmp(a, b) == 0 || (is_loopback(a) && is_loopback(b))) return true;
    return read_address(a, &one) && read_address(b, &other) && memcmp(&one, &other, sizeof one) == 0;
}

static jwkd_status follow_tcp(const struct url *dialled, const char *offered, struct url *out)
{
    struct url url;
    if (!begins_with(offered, TCP) ||
        parse_tcp(offered + strlen(TCP), dialled->place, &url, NULL) != JWKD_OK ||
        !same_host(dialled->place, url.place))
        return JWKD_DENIED;
    /* That may be ::1 for the one and 127.0.0.1 for the other. */
    if (strcasecmp(url.place, "localhost") == 0)
        return parse_tcp(strrchr(offered, ':'), dialled->place, out, NULL);
    *out = url;
    return JWKD_OK;
}

jwkd_status url_follow(const struct url *dialled, const char *offered, struct url *out)
{
    struct url url;
    switch (dialled->transport) {
    case TRANSPORT_IPC:
        if (!begins_with(offered, IPC) || parse_ipc(offered + strlen(IPC), &url, NULL) != JWKD_OK ||
            !same_directory(dialled->place, url.place))
            return JWKD_DENIED;
        break;
    case TRANSPORT_TCP:
        return follow_tcp(dialled, offered, out);
    }
    *out = url;
    return JWKD_OK;
}

bool url_same(const struct url *one, const struct url *other)
{
    if (one->transport != other->transport) return false;
    if (one->transport == TRANSPORT_TCP) return strcasecmp(one->text, other->text) == 0;
    return same_directory(one->place, other->place) &&
           strcmp(basename(one->text), basename(other->text)) == 0;
}

bool url_trusts_uid(const struct url *url, uid_t uid)
{
    struct stat directory;
    return uid == 0 || (stat(url->place, &directory) == 0 && directory.st_uid == uid);
}
