/* The requests of a subscriber, as the lease wants them: hello, snapshot, renewal. On the worker. */
#include <stdlib.h>

#include "base/clock.h"
#include "lib/ask/remote.h"
#include "lib/follow/follow.h"
#include "lib/judge/keys.h"

enum { LONGEST_QUESTION_MS = 2000 }; /* a close waits for the question under way */

static uint32_t question_ms(const struct follow *follow)
{
    uint32_t own_ms = follow->client->timeout_ms;
    return own_ms < LONGEST_QUESTION_MS ? own_ms : LONGEST_QUESTION_MS;
}

/* ---- hello */

static jwkd_status ask_hello(struct follow *follow, struct reply **out, jwkd_error *error)
{
    const struct lease *lease = &follow->lease;
    uint8_t instance_id[16];
    Jwkd__V1__HelloRequest hello = JWKD__V1__HELLO_REQUEST__INIT;
    Jwkd__V1__Request request = JWKD__V1__REQUEST__INIT;
    hello.client = follow->client->name;
    hello.subscribe = true;
    hello.lease_ms = lease_wish_ms(lease);
    hello.serves_stale = lease_serves_stale(lease);
    memcpy(instance_id, lease->instance_id, sizeof instance_id);
    if (lease->has_instance) hello.instance_id = wire_bytes(bytes_of(instance_id, sizeof instance_id));
    request.operation_case = JWKD__V1__REQUEST__OPERATION_HELLO;
    request.hello = &hello;
    pthread_mutex_unlock(&follow->lock);
    jwkd_status status = client_call(follow->client, &request, JWKD__V1__REPLY__RESULT_HELLO,
        &(struct call_wait){.timeout_ms = question_ms(follow)}, out, error);
    pthread_mutex_lock(&follow->lock);
    return status;
}

static void do_hello(struct follow *follow)
{
    CLEANUP(reply_free_at) struct reply *reply = NULL;
    jwkd_error error;
    jwkd_status status = ask_hello(follow, &reply, &error);
    uint64_t now_ns = clock_elapsed_ns();
    if (status == JWKD_OK)
        status = lease_welcomed(&follow->lease, reply->message->hello, reply->sent_ns, now_ns, &error);
    if (status == JWKD_OK) return;
    lease_failed(&follow->lease, now_ns);
    for (struct follower *f = follow->followers; f; f = f->next)
        if (f->kind->take_over) follower_settle(f, status, &error);
}

/* ---- renewal */

/* What is held, environment by environment. */
struct held_list {
    Jwkd__V1__RenewRequest__Held *rows;
    Jwkd__V1__RenewRequest__Held **pointers;
    Jwkd__V1__State *states;
    struct held_name {
        char environment[LIMIT_ENVIRONMENT_NAME + 1];
        uint8_t epoch[16];
    } * names;
    size_t count;
};

static void held_clear(struct held_list *held)
{
    free(held->rows);
    free(held->pointers);
    free(held->states);
    free(held->names);
}

static Jwkd__V1__State *held_find(const struct held_list *held, const char *environment)
{
    for (size_t i = 0; i < held->count; i++)
        if (strcmp(held->names[i].environment, environment) == 0) return &held->states[i];
    return NULL;
}

/* Of two verifiers of an environment, the one that is behind counts: confirmed is what all judge by
 * (proto/DELIVERY.md R6). */
static void held_add(struct held_list *held, const struct lease_part *part)
{
    Jwkd__V1__State *state = held_find(held, part->environment);
    if (state) {
        bool older = part->held.environment_id < state->environment_id;
        bool same = part->held.environment_id == state->environment_id;
        if (older || (same && part->held.revision < state->revision)) {
            state->environment_id = part->held.environment_id;
            state->revision = part->held.revision;
        }
        return;
    }
    struct held_name *name = &held->names[held->count];
    Jwkd__V1__RenewRequest__Held *row = &held->rows[held->count];
    state = &held->states[held->count];
    memcpy(name->environment, part->environment, strlen(part->environment) + 1);
    memcpy(name->epoch, part->held.epoch, sizeof name->epoch);
    *state = (Jwkd__V1__State)JWKD__V1__STATE__INIT;
    state->epoch = wire_bytes(bytes_of(name->epoch, sizeof name->epoch));
    state->environment_id = part->held.environment_id;
    state->revision = part->held.revision;
    *row = (Jwkd__V1__RenewRequest__Held)JWKD__V1__RENEW_REQUEST__HELD__INIT;
    row->environment = name->environment;
    row->state = state;
    held->pointers[held->count++] = row;
}

static jwkd_status held_collect(const struct lease *lease, struct held_list *held)
{
    size_t most = 1;
    for (const struct lease_part *part = lease->parts; part; part = part->next)
        most++;
    held->rows = calloc(most, sizeof *held->rows);
    held->pointers = calloc(most, sizeof *held->pointers);
    held->states = calloc(most, sizeof *held->states);
    held->names = calloc(most, sizeof *held->names);
    if (!held->rows || !held->pointers || !held->states || !held->names) return JWKD_NO_MEMORY;
    for (const struct lease_part *part = lease->parts; part; part = part->next)
        if (part->member && part->exists) held_add(held, part);
    return JWKD_OK;
}

/* Whether a renewal was answered so: by a service of 0.1.0, or behind a relay of it, with NOT_FOUND. */
static bool says_not_registered(jwkd_status status)
{
    return status == JWKD_NOT_REGISTERED || status == JWKD_NOT_FOUND;
}

/* Drops the lock while it waits. */
static jwkd_status ask_renewal(struct follow *follow, struct reply **out)
{
    CLEANUP(held_clear) struct held_list held = {0};
    TRY(held_collect(&follow->lease, &held));
    uint8_t instance_id[16];
    Jwkd__V1__RenewRequest renew = JWKD__V1__RENEW_REQUEST__INIT;
    Jwkd__V1__Request request = JWKD__V1__REQUEST__INIT;
    memcpy(instance_id, follow->lease.instance_id, sizeof instance_id);
    renew.instance_id = wire_bytes(bytes_of(instance_id, sizeof instance_id));
    renew.sequence = follow->lease.sequence;
    renew.held = held.pointers;
    renew.n_held = held.count;
    request.operation_case = JWKD__V1__REQUEST__OPERATION_RENEW;
    request.renew = &renew;
    pthread_mutex_unlock(&follow->lock);
    jwkd_status status = client_call(follow->client, &request, JWKD__V1__REPLY__RESULT_RENEWED,
        &(struct call_wait){.timeout_ms = question_ms(follow)}, out, NULL);
    pthread_mutex_lock(&follow->lock);
    return status;
}

static void do_renew(struct follow *follow)
{
    CLEANUP(reply_free_at) struct reply *reply = NULL;
    jwkd_status status = ask_renewal(follow, &reply);
    uint64_t now_ns = clock_elapsed_ns();
    if (status == JWKD_OK)
        lease_renewed(&follow->lease, reply->message->renewed, reply->sent_ns, now_ns);
    else if (says_not_registered(status))
        lease_refused(&follow->lease, now_ns);
    else
        lease_failed(&follow->lease, now_ns);
}

/* ---- snapshots */

struct taking {
    char environment[LIMIT_ENVIRONMENT_NAME + 1];
    struct keys *shown; /* NULL: it does not exist */
    uint64_t service_revision;
    jwkd_status status;
    jwkd_error error;
};

static void taking_clear(struct taking *taking)
{
    keys_unref(taking->shown);
}

static jwkd_status ask_snapshot(
    struct follow *follow, const struct remote_subscriber *subscriber, struct taking *taking)
{
    CLEANUP(reply_free_at) struct reply *reply = NULL;
    jwkd_error *error = &taking->error;
    TRY(remote_get_jwks(follow->client, taking->environment, subscriber, question_ms(follow), &reply, error));
    TRY(keys_from_snapshot(reply->message->jwks, &taking->shown, error)); /* the long part: under no lock */
    taking->service_revision = reply->message->jwks->service_revision;
    return JWKD_OK;
}

/* Of a service of 0.1.0 NOT_FOUND has two meanings: the environment does not exist, or we are not registered.
 * A renewal tells. */
static jwkd_status ask_who_is_meant(struct follow *follow)
{
    CLEANUP(reply_free_at) struct reply *reply = NULL;
    follow->lease.sequence++;
    return ask_renewal(follow, &reply);
}

/* Everybody who follows the environment gets the same at the same instant: what is confirmed is held by all
 * (proto/DELIVERY.md R6). */
static void hand_out(struct follow *follow, const struct taking *taking)
{
    uint64_t now_ns = clock_elapsed_ns();
    for (struct follower *f = follow->followers; f; f = f->next) {
        if (!f->kind->take_over || strcmp(f->environment, taking->environment) != 0) continue;
        bool opening = !f->tried && !follow->client->background;
        if (!taking->shown && opening) follower_settle(f, taking->status, &taking->error);
        struct identity held;
        jwkd_status status = f->kind->take_over(f, taking->shown, &held);
        if (status == JWKD_OK)
            lease_hold(
                &follow->lease, &f->part, taking->shown ? &held : NULL, taking->service_revision, now_ns);
    }
    lease_taken(&follow->lease, now_ns);
}

static void give_up(struct follow *follow, const struct taking *taking)
{
    lease_failed(&follow->lease, clock_elapsed_ns());
    for (struct follower *f = follow->followers; f; f = f->next)
        if (f->kind->take_over && strcmp(f->environment, taking->environment) == 0)
            follower_settle(f, taking->status, &taking->error);
}

static void do_take(struct follow *follow, const struct lease_part *part)
{
    CLEANUP(taking_clear) struct taking taking = {0};
    struct remote_subscriber subscriber = {.sequence = follow->lease.sequence};
    memcpy(taking.environment, part->environment, strlen(part->environment) + 1);
    memcpy(subscriber.instance_id, follow->lease.instance_id, sizeof subscriber.instance_id);
    pthread_mutex_unlock(&follow->lock);
    taking.status = ask_snapshot(follow, &subscriber, &taking);
    pthread_mutex_lock(&follow->lock);
    jwkd_status known = taking.status == JWKD_NOT_FOUND ? ask_who_is_meant(follow) : taking.status;
    if (known == JWKD_OK)
        hand_out(follow, &taking);
    else if (says_not_registered(known))
        lease_refused(&follow->lease, clock_elapsed_ns());
    else
        give_up(follow, &taking);
}

void follow_ask(struct follow *follow, const struct lease_next *what)
{
    lease_ask(&follow->lease, what);
    switch (what->task) {
    case LEASE_HELLO:
        do_hello(follow);
        return;
    case LEASE_TAKE:
        do_take(follow, what->part);
        return;
    case LEASE_RENEW:
        do_renew(follow);
        return;
    case LEASE_WAIT:
        return;
    }
}
