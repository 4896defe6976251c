#include "lib/connection/credential.h"

#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"

enum { LOOK_EVERY_MS = 1000 };

/* The program may move to another directory. */
static char *absolute(const char *path)
{
    if (*path == '/') return strdup(path);
    CLEANUP(free_at) char *here = getcwd(NULL, 0);
    char *whole = NULL;
    return here && asprintf(&whole, "%s/%s", here, path) >= 0 ? whole : NULL;
}

jwkd_status credential_open(
    struct credential *credential, const char *path, uint32_t timeout_ms, jwkd_error *error)
{
    *credential = (struct credential){0};
    if (!path) path = secure_getenv("JWKD_TOKEN_FILE");
    if (!path || !*path) return JWKD_OK;
    CLEANUP(free_at) char *whole = absolute(path);
    if (!whole) return fail(error, JWKD_NO_MEMORY, "out of memory");
    TRY(token_file_read(whole, timeout_ms, &credential->held, error));
    pthread_mutex_init(&credential->lock, NULL);
    credential->path = TAKE(whole);
    credential->look_ns = clock_elapsed_ns() + LOOK_EVERY_MS * NS_PER_MS;
    return JWKD_OK;
}

void credential_close(struct credential *credential)
{
    if (!credential_is_set(credential)) return;
    token_file_clear(&credential->held);
    pthread_mutex_destroy(&credential->lock);
    free(credential->path);
    *credential = (struct credential){0};
}

/* Whether it is this thread's turn to look at the file, and what it was when it was read. */
static bool take_turn(struct credential *credential, uint64_t now_ns, struct file_mark *out_mark)
{
    pthread_mutex_lock(&credential->lock);
    bool turn = !credential->held.once && now_ns >= credential->look_ns;
    if (turn) credential->look_ns = now_ns + LOOK_EVERY_MS * NS_PER_MS;
    *out_mark = credential->held.mark;
    pthread_mutex_unlock(&credential->lock);
    return turn;
}

/* One that cannot be read at present, since it is just being written, is looked at again in a second. */
static void look_again(struct credential *credential, uint64_t now_ns)
{
    struct file_mark mark, present;
    struct stat file;
    if (!take_turn(credential, now_ns, &mark) || stat(credential->path, &file) != 0) return;
    present = file_mark_of(&file);
    if (file_mark_equal(&mark, &present)) return;
    struct token_file taken;
    if (token_file_read(credential->path, 0, &taken, NULL) != JWKD_OK) return;
    pthread_mutex_lock(&credential->lock);
    struct token_file old = credential->held;
    credential->held = taken;
    pthread_mutex_unlock(&credential->lock);
    token_file_clear(&old);
}

size_t credential_get(struct credential *credential, uint64_t now_ns, uint8_t out[LIMIT_CREDENTIAL])
{
    if (!credential_is_set(credential)) return 0;
    look_again(credential, now_ns);
    pthread_mutex_lock(&credential->lock);
    size_t size = credential->held.token.size;
    memcpy(out, credential->held.token.data, size);
    pthread_mutex_unlock(&credential->lock);
    return size;
}

bool credential_stays_here(const nng_sockaddr *remote)
{
    struct in6_addr address;
    if (remote->s_family == NNG_AF_INET) return ntohl(remote->s_in.sa_addr) >> 24 == IN_LOOPBACKNET;
    if (remote->s_family != NNG_AF_INET6) return false;
    memcpy(&address, remote->s_in6.sa_addr, sizeof address);
    return IN6_IS_ADDR_LOOPBACK(&address) ||
           (IN6_IS_ADDR_V4MAPPED(&address) && address.s6_addr[12] == IN_LOOPBACKNET);
}
