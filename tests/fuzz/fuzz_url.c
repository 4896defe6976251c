#include "fuzz.h"

#include <sys/stat.h>

#include "wire/url.h"

/* What was read is read the same once more. */
static void check_whole(const struct url *url)
{
    struct url again;
    MUST(url->place[0] != '\0');
    MUST(url_parse(url->text, &again, NULL) == JWKD_OK);
    MUST(again.transport == url->transport);
    MUST(strcmp(again.text, url->text) == 0 && strcmp(again.place, url->place) == 0);
    MUST(url_same(url, &again));
}

static bool same_place(const struct url *one, const struct url *other)
{
    struct stat a, b;
    if (one->transport != other->transport) return false;
    if (one->transport == TRANSPORT_TCP) return strcasecmp(one->place, other->place) == 0;
    return strcmp(one->place, other->place) == 0 ||
           (stat(one->place, &a) == 0 && stat(other->place, &b) == 0 && a.st_dev == b.st_dev &&
               a.st_ino == b.st_ino);
}

static void follow(const char *dialled, const char *offered)
{
    struct url from, to;
    jwkd_error error = {0};
    if (url_parse(dialled, &from, &error) != JWKD_OK) {
        MUST(error.status == JWKD_INVALID_ARGUMENT && error.message[0] != '\0');
        return;
    }
    check_whole(&from);
    MUST(url_follow(&from, from.text, &to) == JWKD_OK);
    if (url_follow(&from, offered, &to) != JWKD_OK) return;
    check_whole(&to);
    MUST(same_place(&from, &to));
}

/* The first line is dialled, the rest is what the service offers then. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint8_t *end = size ? memchr(data, '\n', size) : NULL;
    if (!end) return 0;
    size_t first = (size_t)(end - data);
    char *dialled = bytes_to_text(bytes_of(data, first));
    char *offered = bytes_to_text(bytes_of(end + 1, size - first - 1));
    MUST(dialled && offered);
    follow(dialled, offered);
    free(dialled);
    free(offered);
    return 0;
}
