/* The teller of a follow: hands events to the program's callbacks, in order, on one thread, under no lock. */
#include <stdlib.h>

#include "lib/ask/answer.h"
#include "lib/follow/follow.h"

enum { MOST_NOTICES = 4096 };

struct notice {
    struct notice *next;
    struct follower *follower;
    jwkd_event *event; /* one block */
};

/* Takes the event (NULL: there was no memory for it) over. */
static void append(struct follower *follower, jwkd_event *event)
{
    struct follow *follow = follower->follow;
    struct notice *notice = event && follow->notices < MOST_NOTICES ? malloc(sizeof *notice) : NULL;
    if (!notice) {
        jwkd_free(event);
        follower->lost = true;
        pthread_cond_signal(&follow->noticed);
        return;
    }
    *notice = (struct notice){.follower = follower, .event = event};
    *follow->last_notice = notice;
    follow->last_notice = &notice->next;
    follow->notices++;
    pthread_cond_signal(&follow->noticed);
}

void notice_event(struct follower *follower, const Jwkd__V1__Event *event)
{
    if (!follower->on_event || follower->closing) return;
    for (size_t i = 0; i < event->n_changes; i++) {
        jwkd_event *block = NULL;
        jwkd_status status = answer_event_block(event, event->changes[i], &block);
        append(follower, status == JWKD_OK ? block : NULL);
    }
}

static void *lay_out_plain(struct block *block, const void *from)
{
    const jwkd_event *event = from;
    jwkd_event *out = block_take(block, sizeof *out), copy = *event;
    copy.environment = block_text(block, event->environment);
    copy.primary_kid = block_text(block, event->primary_kid);
    copy.principal = block_text(block, event->principal);
    if (out) *out = copy;
    return out;
}

void notice_plain(struct follower *follower, jwkd_event_kind kind, const char *environment, uint64_t revision,
    const char *primary_kid)
{
    if (!follower->on_event || follower->closing) return;
    jwkd_event event = {.kind = kind,
        .environment = environment,
        .revision = revision,
        .primary_kid = primary_kid,
        .principal = ""};
    void *block = NULL;
    jwkd_status status = block_build(lay_out_plain, &event, &block);
    append(follower, status == JWKD_OK ? block : NULL);
}

void notice_drop_all(struct follower *follower)
{
    struct follow *follow = follower->follow;
    struct notice **place = &follow->first_notice;
    while (*place) {
        struct notice *notice = *place;
        if (notice->follower != follower) {
            place = &notice->next;
            continue;
        }
        *place = notice->next;
        follow->notices--;
        jwkd_free(notice->event);
        free(notice);
    }
    follow->last_notice = place;
}

static struct notice *take(struct follow *follow)
{
    struct notice *notice = follow->first_notice;
    follow->first_notice = notice->next;
    if (!follow->first_notice) follow->last_notice = &follow->first_notice;
    follow->notices--;
    return notice;
}

/* Where notices were dropped, the program is told that something is missing: behind what was noted before, as
 * soon as there is room. */
static void note_gaps(struct follow *follow)
{
    for (struct follower *f = follow->followers; f; f = f->next) {
        if (!f->lost) continue;
        f->lost = false; /* until there is no room for this either */
        notice_plain(f, JWKD_EVENT_SYNCHRONISED, f->environment, 0, "");
    }
}

static struct follower *find_gap(const struct follow *follow)
{
    for (struct follower *f = follow->followers; f; f = f->next)
        if (f->lost && !f->closing) return f;
    return NULL;
}

/* Calls the program; under the lock, which it drops meanwhile. */
static void tell(struct follow *follow, struct follower *follower, const jwkd_event *event)
{
    follow->telling = follower;
    pthread_mutex_unlock(&follow->lock);
    follower->on_event(follower->context, event);
    pthread_mutex_lock(&follow->lock);
    follow->telling = NULL;
    if (follower->closing) pthread_cond_broadcast(&follow->changed); /* only a close waits for a telling */
}

static void tell_first(struct follow *follow)
{
    struct notice *notice = take(follow);
    tell(follow, notice->follower, notice->event);
    jwkd_free(notice->event);
    free(notice);
}

/* Without memory. */
static void tell_gap(struct follow *follow, struct follower *follower)
{
    const jwkd_event event = {.kind = JWKD_EVENT_SYNCHRONISED,
        .environment = follower->environment,
        .primary_kid = "",
        .principal = ""};
    follower->lost = false;
    tell(follow, follower, &event);
}

void *follow_tell(void *argument)
{
    struct follow *follow = argument;
    pthread_mutex_lock(&follow->lock);
    while (!follow->stop) {
        note_gaps(follow);
        struct follower *gap = find_gap(follow);
        if (follow->first_notice)
            tell_first(follow);
        else if (gap)
            tell_gap(follow, gap);
        else
            pthread_cond_wait(&follow->noticed, &follow->lock);
    }
    pthread_mutex_unlock(&follow->lock);
    return NULL;
}
