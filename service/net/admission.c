#include "net/admission.h"

#include <netinet/in.h>
#include <pthread.h>
#include <search.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "base/limits.h"
#include "net/listen.h"
#include "net/peer.h"
#include "net/shares.h"

/* A connection that was let in. */
struct guest {
    int id;
    nng_pipe pipe;
    struct share *share;
    char principal[PEER_NAME];
};

struct admission {
    struct shares *shares;
    void (*on_trouble)(void *context, jwkd_status status, const char *message);
    void *context;
    bool (*may)(void *context, const char *principal);
    void *may_context;
    pthread_cond_t asked; /* under the lock: */
    unsigned asking;
    bool closed;
    atomic_size_t refused;
    pthread_mutex_t lock; /* guards the tree, which is by pipe */
    void *guests;
};

static int compare(const void *one, const void *other)
{
    const struct guest *a = one, *b = other;
    return (a->id > b->id) - (a->id < b->id);
}

/* The origin, whose share it has; and the principal. */
static bool name_of(nng_pipe pipe, char out[PEER_NAME], char principal[PEER_NAME])
{
    uint64_t uid;
    nng_sockaddr from;
    union {
        struct sockaddr any;
        struct sockaddr_in ipv4;
        struct sockaddr_in6 ipv6;
    } address = {0};
    if (nng_pipe_get_uint64(pipe, NNG_OPT_IPC_PEER_UID, &uid) == 0) {
        peer_name_uid(uid, out);
        peer_name_principal(uid, principal);
        return true;
    }
    if (nng_pipe_get_addr(pipe, NNG_OPT_REMADDR, &from) != 0) return false;
    if (from.s_family == NNG_AF_INET) {
        address.ipv4.sin_family = AF_INET;
        memcpy(&address.ipv4.sin_addr, &from.s_in.sa_addr, sizeof address.ipv4.sin_addr);
    } else if (from.s_family == NNG_AF_INET6) {
        address.ipv6.sin6_family = AF_INET6;
        memcpy(&address.ipv6.sin6_addr, from.s_in6.sa_addr, sizeof address.ipv6.sin6_addr);
    } else {
        return false;
    }
    peer_name_address(&address.any, out);
    memcpy(principal, PEER_ANONYMOUS, sizeof PEER_ANONYMOUS);
    return true;
}

static bool keep(struct admission *admission, struct guest *guest)
{
    pthread_mutex_lock(&admission->lock);
    bool kept = tsearch(guest, &admission->guests, compare) != NULL;
    pthread_mutex_unlock(&admission->lock);
    return kept;
}

static void dismiss(struct admission *admission, struct guest *guest)
{
    share_give(guest->share, SHARE_CONNECTIONS, 1);
    shares_put(admission->shares, guest->share);
    free(guest);
}

static void leave(struct admission *admission, nng_pipe pipe)
{
    const struct guest key = {.id = nng_pipe_id(pipe)};
    pthread_mutex_lock(&admission->lock);
    struct guest *const *node = tfind(&key, &admission->guests, compare);
    struct guest *guest = node ? *node : NULL;
    if (guest) tdelete(&key, &admission->guests, compare);
    pthread_mutex_unlock(&admission->lock);
    if (guest) dismiss(admission, guest);
}

enum admitted { ADMITTED, TOO_MANY, MAY_NOT };

static bool may_hear(struct admission *admission, const char *principal)
{
    pthread_mutex_lock(&admission->lock);
    bool closed = admission->closed;
    if (!closed) admission->asking++;
    pthread_mutex_unlock(&admission->lock);
    if (closed) return false;
    bool may = !admission->may || admission->may(admission->may_context, principal);
    pthread_mutex_lock(&admission->lock);
    admission->asking--;
    pthread_cond_broadcast(&admission->asked);
    pthread_mutex_unlock(&admission->lock);
    return may;
}

void admission_close(struct admission *admission)
{
    pthread_mutex_lock(&admission->lock);
    admission->closed = true;
    while (admission->asking)
        pthread_cond_wait(&admission->asked, &admission->lock);
    pthread_mutex_unlock(&admission->lock);
}

static enum admitted admit(struct admission *admission, nng_pipe pipe)
{
    char name[PEER_NAME], principal[PEER_NAME];
    if (!name_of(pipe, name, principal)) return MAY_NOT;
    struct guest *guest = calloc(1, sizeof *guest);
    if (!guest) return TOO_MANY;
    guest->id = nng_pipe_id(pipe);
    guest->pipe = pipe;
    memcpy(guest->principal, principal, sizeof guest->principal);
    guest->share = shares_get(admission->shares, name);
    if (guest->share && share_take(guest->share, SHARE_CONNECTIONS, 1)) {
        if (!keep(admission, guest)) {
            dismiss(admission, guest);
            return TOO_MANY;
        }
        /* Asked when a review would find it: one that comes meanwhile is not missed. */
        if (may_hear(admission, principal)) return ADMITTED;
        leave(admission, pipe);
        return MAY_NOT;
    }
    if (guest->share) shares_put(admission->shares, guest->share);
    free(guest);
    return TOO_MANY;
}

static void on_pipe(nng_pipe pipe, nng_pipe_ev event, void *argument)
{
    struct admission *admission = argument;
    if (event == NNG_PIPE_EV_REM_POST) {
        leave(admission, pipe);
        return;
    }
    const enum admitted admitted = admit(admission, pipe);
    if (admitted != ADMITTED) {
        atomic_fetch_add(&admission->refused, 1);
        nng_pipe_close(pipe);
        if (admitted == TOO_MANY && admission->on_trouble)
            admission->on_trouble(admission->context, JWKD_RESOURCE_EXHAUSTED,
                "nobody more may hear events: the caller has as many connections as are left for all others");
    }
}

jwkd_status admission_new(size_t capacity, struct admission **out)
{
    const size_t most = net_most_connections(), wanted = capacity ? capacity : LIMIT_SUBSCRIBERS;
    const size_t capacities[SHARE_KINDS] = {[SHARE_CONNECTIONS] = wanted < most ? wanted : most};
    struct admission *admission = calloc(1, sizeof *admission);
    if (!admission) return JWKD_NO_MEMORY;
    if (shares_new(capacities, &admission->shares) != JWKD_OK) {
        free(admission);
        return JWKD_NO_MEMORY;
    }
    pthread_mutex_init(&admission->lock, NULL);
    pthread_cond_init(&admission->asked, NULL);
    *out = admission;
    return JWKD_OK;
}

void admission_on_trouble(struct admission *admission,
    void (*on_trouble)(void *context, jwkd_status status, const char *message), void *context)
{
    admission->on_trouble = on_trouble;
    admission->context = context;
}

void admission_on_ask(
    struct admission *admission, bool (*may)(void *context, const char *principal), void *context)
{
    admission->may = may;
    admission->may_context = context;
}

/* A guest at a time, of those behind `after`: nothing is asked, and no connection closed, under the lock. */
struct next_guest {
    int after;
    struct guest found;
};

static _Thread_local struct next_guest *search;

static void look_at(const void *node, VISIT visit, int depth)
{
    const struct guest *guest = *(const struct guest *const *)node;
    (void)depth;
    if (visit != postorder && visit != leaf) return;
    if (guest->id > search->after && (!search->found.id || guest->id < search->found.id))
        search->found = *guest;
}

static bool find_next(struct admission *admission, struct next_guest *next)
{
    next->found = (struct guest){0};
    pthread_mutex_lock(&admission->lock);
    search = next;
    twalk(admission->guests, look_at);
    pthread_mutex_unlock(&admission->lock);
    next->after = next->found.id;
    return next->found.id != 0;
}

void admission_review(struct admission *admission)
{
    struct next_guest next = {0};
    while (admission->may && find_next(admission, &next))
        if (!may_hear(admission, next.found.principal)) nng_pipe_close(next.found.pipe);
}

jwkd_status admission_watch(struct admission *admission, nng_socket socket, jwkd_error *error)
{
    int result = nng_pipe_notify(socket, NNG_PIPE_EV_ADD_PRE, on_pipe, admission);
    if (result == 0) result = nng_pipe_notify(socket, NNG_PIPE_EV_REM_POST, on_pipe, admission);
    if (result == 0) return JWKD_OK;
    return fail(error, JWKD_UNAVAILABLE, "connections cannot be watched: %s", nng_strerror(result));
}

size_t admission_count(const struct admission *admission)
{
    return shares_used(admission->shares, SHARE_CONNECTIONS);
}

size_t admission_refused(const struct admission *admission)
{
    return admission->refused;
}

static void free_guest(void *guest)
{
    free(guest);
}

void admission_free(struct admission *admission)
{
    if (!admission) return;
    tdestroy(admission->guests, free_guest); /* none, where nng told of every end */
    shares_free(admission->shares);
    pthread_cond_destroy(&admission->asked);
    pthread_mutex_destroy(&admission->lock);
    free(admission);
}
