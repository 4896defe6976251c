/* The worker of a follow: keeps the event socket dialled to where hello says, asks what the lease wants
 * asked, and lets watches catch up; one request at a time. */
#include "base/clock.h"
#include "lib/follow/follow.h"

enum {
    LONGEST_QUESTION_MS = 2000, /* a close waits for the question under way */
    LOOK_AGAIN_MS = 250, /* while there is no event stream: nobody says when the service answers again */
};

/* ---- reaching the service */

/* Dials what the present session says, unless that is dialled already. */
static jwkd_status dial_events(struct follow *follow, const struct session *session, jwkd_error *error)
{
    if (session->may_not_hear)
        return fail(error, JWKD_DENIED,
            "this caller may not hear events of every environment; following one environment by long poll "
            "comes with the next version. Verify by the service meanwhile (jwkd_verify_remotely)");
    if (!session->events_url[0])
        return fail(
            error, JWKD_DENIED, "the service offers no event socket of the same transport in the same place");
    if (strcmp(follow->url, session->events_url) == 0) return JWKD_OK; /* only this thread writes it */
    pthread_mutex_lock(&follow->lock);
    memcpy(follow->url, session->events_url, sizeof follow->url);
    memcpy(follow->boot_id, session->boot_id, sizeof follow->boot_id);
    if (follow->service_revision == 0) follow->service_revision = session->service_revision;
    pthread_mutex_unlock(&follow->lock);
    dial_to(&follow->dial, follow->url, true);
    return JWKD_OK;
}

static jwkd_status reach(struct follow *follow, jwkd_error *error)
{
    jwkd_client *client = follow->client;
    uint32_t most_ms = client->timeout_ms < LONGEST_QUESTION_MS ? client->timeout_ms : LONGEST_QUESTION_MS;
    struct session session = client_session(client);
    if (!session.known || session.may_not_hear) { /* which a grant can change */
        TRY(client_hello(client, most_ms, error));
        session = client_session(client);
    }
    return dial_events(follow, &session, error);
}

/* Nothing is asked before the event stream is up: what changes after the answer must not be missed. */
static bool wants_reaching(const struct follow *follow)
{
    if (!follow->followers || follow->lease.connected) return false;
    struct session session = client_session(follow->client);
    return !session.known || !follow->url[0] || strcmp(follow->url, session.events_url) != 0;
}

static void do_reach(struct follow *follow)
{
    jwkd_error error;
    pthread_mutex_unlock(&follow->lock);
    jwkd_status status = reach(follow, &error);
    pthread_mutex_lock(&follow->lock);
    if (status == JWKD_OK) {
        follow->pace = (struct lease_pace){0};
        return;
    }
    lease_slow_down(&follow->lease, &follow->pace, clock_elapsed_ns());
    for (struct follower *f = follow->followers; f; f = f->next)
        follower_settle(f, status, &error);
}

/* ---- watches */

static void do_synchronise(struct follow *follow, struct follower *follower)
{
    jwkd_error error;
    follower->needs_sync = false; /* an event that comes too early for it asks again */
    follow->syncing = follower;
    pthread_mutex_unlock(&follow->lock);
    jwkd_status status = follower->kind->synchronise(follower, &error);
    pthread_mutex_lock(&follow->lock);
    follow->syncing = NULL;
    follower_settle(follower, status, &error);
    if (status == JWKD_OK) {
        follower->pace = (struct lease_pace){0};
        return;
    }
    follower->needs_sync = !follower->closing;
    lease_slow_down(&follow->lease, &follower->pace, clock_elapsed_ns());
}

/* ---- the next thing to do */

struct job {
    uint64_t at_ns;
    bool reach;
    struct follower *watch;
    struct lease_next lease;
};

/* Who opens need not pay for what failed before. */
static bool somebody_opens(const struct follow *follow)
{
    for (const struct follower *f = follow->followers; f; f = f->next)
        if (!f->tried && !f->closing) return true;
    return false;
}

static struct job next_job(struct follow *follow, uint64_t now_ns)
{
    struct job job = {.lease = lease_next(&follow->lease, now_ns)};
    job.at_ns = job.lease.at_ns;
    if (follow->followers && !follow->lease.connected && job.at_ns > now_ns + LOOK_AGAIN_MS * NS_PER_MS)
        job.at_ns = now_ns + LOOK_AGAIN_MS * NS_PER_MS;
    if (wants_reaching(follow)) {
        uint64_t at_ns = somebody_opens(follow) ? 0 : follow->pace.at_ns;
        if (at_ns < job.at_ns) job = (struct job){.at_ns = at_ns, .reach = true};
    }
    for (struct follower *f = follow->followers; f && follow->lease.connected; f = f->next) {
        uint64_t at_ns = f->tried ? f->pace.at_ns : 0;
        if (f->needs_sync && !f->closing && at_ns < job.at_ns) job = (struct job){.at_ns = at_ns, .watch = f};
    }
    return job;
}

static void carry_out(struct follow *follow, const struct job *job)
{
    if (job->reach)
        do_reach(follow);
    else if (job->watch)
        do_synchronise(follow, job->watch);
    else if (job->lease.task != LEASE_WAIT)
        follow_ask(follow, &job->lease);
    follow_update(follow, clock_elapsed_ns());
    pthread_cond_broadcast(&follow->changed);
}

void *follow_work(void *argument)
{
    struct follow *follow = argument;
    pthread_mutex_lock(&follow->lock);
    while (!follow->stop) {
        uint64_t now_ns = clock_elapsed_ns();
        struct job job = next_job(follow, now_ns);
        if (job.at_ns <= now_ns) {
            carry_out(follow, &job);
            continue;
        }
        follow->wakes_ns = job.at_ns;
        alarm_set(&follow->alarm, job.at_ns);
        pthread_mutex_unlock(&follow->lock);
        alarm_wait(&follow->alarm);
        pthread_mutex_lock(&follow->lock);
        follow->wakes_ns = 0;
        follow_update(follow, clock_elapsed_ns()); /* a lease may have ended */
    }
    pthread_mutex_unlock(&follow->lock);
    return NULL;
}
