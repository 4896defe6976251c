#include "lib/follow/follow.h"

#include <errno.h>
#include <nng/protocol/pubsub0/sub.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/random.h"
#include "base/wait.h"
#include "lib/ask/answer.h"
#include "dial/probe.h"
#include "lib/connection/shut.h"

enum {
    RECEIVE_QUEUE = 4096, /* nng's 128 loses bursts */
    FAREWELL_MS = 100,
};

/* ---- what arrives; in nng's callback */

static bool follows(const struct follower *follower, const char *environment)
{
    return !*follower->environment || strcmp(follower->environment, environment) == 0;
}

static bool is_verifier(const struct follower *follower)
{
    return follower->kind->take_over != NULL;
}

void follower_resync(struct follower *follower)
{
    follower->needs_sync = true;
    follow_rouse(follower->follow);
}

static void resync_watches(struct follow *follow)
{
    for (struct follower *f = follow->followers; f; f = f->next)
        if (!is_verifier(f)) follower_resync(f);
}

/* Another boot id: the service was restarted, and may have said things that nobody heard. */
static void check_boot(struct follow *follow, ProtobufCBinaryData boot_id)
{
    if (boot_id.len != sizeof follow->boot_id || memcmp(boot_id.data, follow->boot_id, boot_id.len) == 0)
        return;
    memcpy(follow->boot_id, boot_id.data, sizeof follow->boot_id);
    resync_watches(follow);
}

static void handle_event(struct follow *follow, struct bytes topic, const Jwkd__V1__Event *event)
{
    bool whole = answer_event_is_whole(event) && event->boot_id.len == sizeof follow->boot_id;
    if (!whole || !bytes_equal_text(topic, event->environment)) return;
    pthread_mutex_lock(&follow->lock);
    uint64_t now_ns = clock_elapsed_ns();
    check_boot(follow, event->boot_id);
    lease_hear_boot(&follow->lease, wire_view(event->boot_id), now_ns);
    for (struct follower *f = follow->followers; f; f = f->next)
        if (follows(f, event->environment)) f->kind->on_event(f, event);
    follow_update(follow, now_ns);
    pthread_mutex_unlock(&follow->lock);
}

static void handle_heartbeat(struct follow *follow, const Jwkd__V1__Heartbeat *heartbeat)
{
    pthread_mutex_lock(&follow->lock);
    uint64_t now_ns = clock_elapsed_ns();
    check_boot(follow, heartbeat->boot_id);
    lease_hear_heartbeat(&follow->lease, heartbeat, now_ns);
    follow_update(follow, now_ns);
    follow->service_revision = heartbeat->service_revision;
    for (struct follower *f = follow->followers; f; f = f->next) {
        if (is_verifier(f) || f->needs_sync || f == follow->syncing ||
            heartbeat->service_revision <= f->synced_at)
            continue;
        if (heartbeat->covers_from > f->synced_at || f->kind->is_behind(f, heartbeat))
            follower_resync(f);
        else
            f->synced_at = heartbeat->service_revision;
    }
    pthread_mutex_unlock(&follow->lock);
}

/* Whatever is not well formed is passed over: if it was an event, the next one or a heartbeat shows
 * the gap. */
static void handle(struct follow *follow, struct bytes message)
{
    struct bytes topic, body;
    struct arena arena = {0};
    ProtobufCMessage *unpacked;
    if (message.size > LIMIT_EVENT || wire_split(message, &topic, &body) != JWKD_OK) return;
    bool heartbeat = topic.size == 0;
    const ProtobufCMessageDescriptor *type =
        heartbeat ? &jwkd__v1__heartbeat__descriptor : &jwkd__v1__event__descriptor;
    if (wire_unpack(type, body, &arena, &unpacked) == JWKD_OK) {
        if (heartbeat)
            handle_heartbeat(follow, (const Jwkd__V1__Heartbeat *)unpacked);
        else
            handle_event(follow, topic, (const Jwkd__V1__Event *)unpacked);
    }
    arena_clear(&arena);
}

static void on_received(void *argument)
{
    struct follow *follow = argument;
    int result = nng_aio_result(follow->receive);
    if (result == NNG_ECLOSED || result == NNG_ECANCELED) return;
    if (result == 0) {
        nng_msg *message = nng_aio_get_msg(follow->receive);
        handle(follow, bytes_of(nng_msg_body(message), nng_msg_len(message)));
        nng_msg_free(message);
    }
    nng_recv_aio(follow->socket, follow->receive);
}

/* ---- the connection */

static void tell_all(struct follow *follow, jwkd_event_kind kind)
{
    for (struct follower *f = follow->followers; f; f = f->next)
        notice_plain(f, kind, "", 0, "");
}

static void forget_failures(struct follow *follow)
{
    follow->pace = (struct lease_pace){0};
    for (struct follower *f = follow->followers; f; f = f->next)
        f->pace = (struct lease_pace){0};
}

static void on_pipe(nng_pipe pipe, nng_pipe_ev event, void *argument)
{
    struct follow *follow = argument;
    bool admitted = event != NNG_PIPE_EV_ADD_PRE || client_admit(follow->client, pipe);
    uint64_t now_ns = clock_elapsed_ns();
    pthread_mutex_lock(&follow->lock);
    if (!admitted) {
        follow->denied = true;
    } else if (event == NNG_PIPE_EV_ADD_POST) {
        follow->pipe = pipe;
        follow->denied = false;
        tell_all(follow, JWKD_EVENT_CONNECTED);
        lease_connected(&follow->lease, now_ns);
        dial_connected(&follow->dial);
        forget_failures(follow);
        if (follow->connected_before) resync_watches(follow); /* what was published meanwhile is lost */
        follow->connected_before = true;
    } else if (event == NNG_PIPE_EV_REM_POST && follow->lease.connected &&
               nng_pipe_id(pipe) == nng_pipe_id(follow->pipe)) {
        lease_disconnected(&follow->lease);
        dial_lost(&follow->dial);
        tell_all(follow, JWKD_EVENT_DISCONNECTED);
    }
    follow_update(follow, now_ns);
    follow_rouse(follow);
    pthread_mutex_unlock(&follow->lock);
}

static int open_socket(struct follow *follow)
{
    int result = nng_sub0_open(&follow->socket);
    if (result != 0) return result;
    result = dial_init(&follow->dial, follow->socket, PROBE_EVENTS);
    if (result == 0) result = nng_socket_set_int(follow->socket, NNG_OPT_RECVBUF, RECEIVE_QUEUE);
    if (result == 0) result = nng_socket_set_size(follow->socket, NNG_OPT_RECVMAXSZ, LIMIT_EVENT);
    for (nng_pipe_ev event = NNG_PIPE_EV_ADD_PRE; result == 0 && event < NNG_PIPE_EV_NUM; event++)
        result = nng_pipe_notify(follow->socket, event, on_pipe, follow);
    struct bytes heartbeats = WIRE_HEARTBEAT_TOPIC;
    if (result == 0)
        result = nng_socket_set(follow->socket, NNG_OPT_SUB_SUBSCRIBE, heartbeats.data, heartbeats.size);
    if (result == 0) result = nng_aio_alloc(&follow->receive, on_received, follow);
    if (result == 0) nng_aio_set_timeout(follow->receive, NNG_DURATION_INFINITE);
    return result;
}

static void close_socket(struct follow *follow)
{
    if (nng_socket_id(follow->socket) <= 0) return;
    dial_stop(&follow->dial);
    if (follow->receive) nng_aio_stop(follow->receive);
    for (nng_pipe_ev event = NNG_PIPE_EV_ADD_PRE; event < NNG_PIPE_EV_NUM; event++)
        nng_pipe_notify(follow->socket, event, NULL, NULL);
    shut(follow->socket);
    dial_clear(&follow->dial);
    if (follow->receive) nng_aio_free(follow->receive);
}

/* ---- making and ending */

static void stop_thread(struct follow *follow, pthread_t thread)
{
    pthread_mutex_lock(&follow->lock);
    follow->stop = true;
    follow_rouse(follow);
    pthread_cond_broadcast(&follow->noticed);
    pthread_mutex_unlock(&follow->lock);
    pthread_join(thread, NULL);
}

static void follow_delete(struct follow *follow)
{
    close_socket(follow);
    alarm_close(&follow->alarm);
    pthread_cond_destroy(&follow->changed);
    pthread_cond_destroy(&follow->noticed);
    pthread_mutex_destroy(&follow->lock);
    free(follow);
}

static jwkd_status follow_new(jwkd_client *client, struct follow **out, jwkd_error *error)
{
    struct follow *follow = calloc(1, sizeof *follow);
    uint64_t seed;
    if (!follow) return fail(error, JWKD_NO_MEMORY, "out of memory");
    if (random_fill(&seed, sizeof seed) != JWKD_OK) seed = clock_elapsed_ns(); /* it only spreads */
    lease_init(&follow->lease, seed);
    follow->client = client;
    follow->last_notice = &follow->first_notice;
    pthread_mutex_init(&follow->lock, NULL);
    wait_init(&follow->changed);
    wait_init(&follow->noticed);
    if (alarm_open(&follow->alarm) != JWKD_OK) {
        fail(error, JWKD_NO_MEMORY, "no timer to follow events: %s", strerror(errno));
        follow_delete(follow);
        return JWKD_NO_MEMORY;
    }
    int result = open_socket(follow);
    if (result != 0) {
        follow_delete(follow);
        return fail(error, JWKD_NO_MEMORY, "no socket for events: %s", nng_strerror(result));
    }
    bool working = pthread_create(&follow->worker, NULL, follow_work, follow) == 0;
    bool telling = working && pthread_create(&follow->teller, NULL, follow_tell, follow) == 0;
    if (!telling) {
        if (working) stop_thread(follow, follow->worker);
        follow_delete(follow);
        return fail(error, JWKD_NO_MEMORY, "no thread to follow events");
    }
    nng_recv_aio(follow->socket, follow->receive);
    *out = follow;
    return JWKD_OK;
}

void follow_free(struct follow *follow)
{
    if (!follow) return;
    stop_thread(follow, follow->worker);
    stop_thread(follow, follow->teller);
    follow_delete(follow);
}

/* The client's, made by whoever comes first. */
static jwkd_status follow_get(jwkd_client *client, struct follow **out, jwkd_error *error)
{
    pthread_mutex_lock(&client->lock);
    struct follow *known = client->follow;
    pthread_mutex_unlock(&client->lock);
    if (!known) {
        struct follow *made = NULL;
        TRY(follow_new(client, &made, error));
        pthread_mutex_lock(&client->lock);
        known = client->follow;
        if (!known) client->follow = known = TAKE(made);
        pthread_mutex_unlock(&client->lock);
        follow_free(made); /* another thread was quicker */
    }
    *out = known;
    return JWKD_OK;
}

/* ---- waiting and telling */

void follow_wait(struct follow *follow, uint64_t until_ns)
{
    uint64_t now_ns = clock_elapsed_ns();
    if (until_ns <= now_ns) return;
    const struct timespec at = wait_end(until_ns - now_ns);
    pthread_cond_timedwait(&follow->changed, &follow->lock, &at);
}

void follower_settle(struct follower *follower, jwkd_status status, const jwkd_error *error)
{
    if (status != JWKD_OK) follower->trouble = *error;
    if (follower->tried) return;
    follower->tried = true;
    follower->first_status = status;
    if (status != JWKD_OK) follower->first_error = *error;
}

/* What the lease says of one verifier; true when the program is told of a change. */
static bool show_freshness(struct follow *follow, struct follower *follower, uint64_t now_ns)
{
    static const jwkd_event_kind KINDS[] = {[LEASE_STALE] = JWKD_EVENT_STALE,
        [LEASE_BEHIND] = JWKD_EVENT_BEHIND,
        [LEASE_FRESH] = JWKD_EVENT_FRESH};
    const struct lease_part *part = &follower->part;
    atomic_store(&follower->vouched_ns, part->vouched_ns);
    atomic_store(&follower->judge_until_ns, lease_judge_until(&follow->lease, part));
    atomic_store(&follower->fresh_until_ns, lease_fresh_until(&follow->lease, part));
    enum lease_freshness freshness = lease_freshness(&follow->lease, part, now_ns);
    if (freshness == LEASE_FRESH) follower_settle(follower, JWKD_OK, NULL);
    if (freshness == follower->told) return false;
    follower->told = freshness;
    notice_plain(follower, KINDS[freshness], follower->environment, part->held.revision, "");
    return true;
}

/* Not later than it is set for already. */
static void set_alarm(struct follow *follow, uint64_t at_ns)
{
    if (at_ns >= follow->wakes_ns) return;
    follow->wakes_ns = at_ns;
    alarm_set(&follow->alarm, at_ns);
}

void follow_rouse(struct follow *follow)
{
    set_alarm(follow, 0);
    pthread_cond_broadcast(&follow->changed);
}

void follow_update(struct follow *follow, uint64_t now_ns)
{
    bool changed = false;
    for (struct follower *f = follow->followers; f; f = f->next)
        if (is_verifier(f)) changed = show_freshness(follow, f, now_ns) || changed;
    set_alarm(follow, lease_next(&follow->lease, now_ns).at_ns);
    if (changed) pthread_cond_broadcast(&follow->changed);
}

void follow_say_farewell(struct follow *follow)
{
    if (!follow) return;
    pthread_mutex_lock(&follow->lock);
    uint64_t until_ns = clock_elapsed_ns() + FAREWELL_MS * NS_PER_MS;
    while (lease_is_registered(&follow->lease) &&
           (follow->lease.confirm || follow->lease.asked != LEASE_WAIT) && clock_elapsed_ns() < until_ns)
        follow_wait(follow, until_ns);
    pthread_mutex_unlock(&follow->lock);
}

enum lease_freshness follower_await_snapshot(struct follower *follower, uint64_t until_ns)
{
    struct follow *follow = follower->follow;
    enum lease_freshness freshness;
    pthread_mutex_lock(&follow->lock);
    for (;;) {
        uint64_t now_ns = clock_elapsed_ns();
        freshness = lease_freshness(&follow->lease, &follower->part, now_ns);
        if (freshness != LEASE_BEHIND || !follow->lease.connected || now_ns >= until_ns) break;
        follow_wait(follow, until_ns);
    }
    pthread_mutex_unlock(&follow->lock);
    return freshness;
}

/* ---- followers */

/* nng's subscribing only changes a list of its own: safe under the lock, which keeps it in step with ours. */
static int subscribe(struct follower *follower, const char *option)
{
    size_t size = *follower->environment ? strlen(follower->environment) + 1 : 0;
    return nng_socket_set(follower->follow->socket, option, follower->environment, size);
}

static void follower_remove(struct follower *follower)
{
    struct follow *follow = follower->follow;
    struct follower **place = &follow->followers;
    bool shared = false;
    while (*place != follower)
        place = &(*place)->next;
    *place = follower->next;
    for (struct follower *f = follow->followers; f; f = f->next)
        if (strcmp(f->environment, follower->environment) == 0) shared = true;
    if (!shared) (void)subscribe(follower, NNG_OPT_SUB_UNSUBSCRIBE);
}

void follower_close(struct follower *follower)
{
    struct follow *follow = follower->follow;
    pthread_mutex_lock(&follow->lock);
    follower->closing = true;
    follower->needs_sync = false;
    notice_drop_all(follower);
    follow_rouse(follow);
    while (follow->syncing == follower || follow->telling == follower)
        pthread_cond_wait(&follow->changed, &follow->lock);
    notice_drop_all(follower);
    follower_remove(follower);
    uint64_t now_ns = clock_elapsed_ns();
    if (is_verifier(follower)) lease_remove(&follow->lease, &follower->part, now_ns);
    follow_update(follow, now_ns);
    pthread_mutex_unlock(&follow->lock);
}

/* Under the lock. */
static void follower_add(struct follower *follower, const struct follower_options *options)
{
    struct follow *follow = follower->follow;
    follower->next = follow->followers;
    follow->followers = follower;
    follower->needs_sync = !is_verifier(follower);
    if (is_verifier(follower)) {
        follower->part = (struct lease_part){.environment = follower->environment,
            .wish_ms = options->lease_ms,
            .serves_stale = options->serves_stale};
        lease_add(&follow->lease, &follower->part);
    }
    follow_rouse(follow);
}

/* Why nothing has come of the opening in time. */
static jwkd_status tell_failure(const struct follow *follow, jwkd_error *error)
{
    if (follow->denied)
        return fail(error, JWKD_DENIED,
            "the other end of %s belongs neither to root nor to the owner of the socket's directory",
            follow->url);
    if (!follow->url[0])
        return fail(error, JWKD_UNREACHABLE, "no connection to %s", follow->client->url.text);
    if (!follow->lease.connected)
        return fail(error, JWKD_UNREACHABLE, "no connection to the event socket %s", follow->url);
    return fail(error, JWKD_TIMED_OUT, "no heartbeat from %s vouched for the keys in time", follow->url);
}

/* Under the lock. */
static jwkd_status await_opening(struct follower *follower, jwkd_error *error)
{
    struct follow *follow = follower->follow;
    uint64_t until_ns = clock_elapsed_ns() + follow->client->timeout_ms * NS_PER_MS;
    while (!follower->tried && !follow->denied && clock_elapsed_ns() < until_ns)
        follow_wait(follow, until_ns);
    if (!follower->tried) return tell_failure(follow, error);
    if (follower->first_status != JWKD_OK && error) *error = follower->first_error;
    return follower->first_status;
}

jwkd_status follower_open(struct follower *follower, const struct follower_kind *kind, jwkd_client *client,
    const char *environment, const struct follower_options *options, jwkd_error *error)
{
    struct follow *follow;
    TRY(follow_get(client, &follow, error));
    follower->kind = kind;
    follower->follow = follow;
    follower->on_event = options->on_event;
    follower->context = options->context;
    memcpy(follower->environment, environment, strlen(environment) + 1);
    pthread_mutex_lock(&follow->lock);
    if (subscribe(follower, NNG_OPT_SUB_SUBSCRIBE) != 0) {
        pthread_mutex_unlock(&follow->lock);
        return fail(error, JWKD_NO_MEMORY, "out of memory");
    }
    follower_add(follower, options);
    jwkd_status status = client->background ? JWKD_OK : await_opening(follower, error);
    pthread_mutex_unlock(&follow->lock);
    if (status != JWKD_OK) follower_close(follower);
    return status;
}
