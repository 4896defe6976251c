/* The teller of a follow: hands events to the program's callbacks, in order, on one thread, under no lock. */
#include <stdlib.h>

#include "lib/answer.h"
#include "lib/follow.h"

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
    if (out) *out = copy;
    return out;
}

void notice_plain(struct follower *follower, jwkd_event_kind kind, const char *environment, uint64_t revision,
    const char *primary_kid)
{
    if (!follower->on_event || follower->closing) return;
    jwkd_event event = {
        .kind = kind, .environment = environment, .revision = revision, .primary_kid = primary_kid};
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

void *follow_tell(void *argument)
{
    struct follow *follow = argument;
    pthread_mutex_lock(&follow->lock);
    while (!follow->stop) {
        if (!follow->first_notice) {
            pthread_cond_wait(&follow->noticed, &follow->lock);
            continue;
        }
        struct notice *notice = take(follow);
        struct follower *follower = notice->follower;
        follow->telling = follower;
        pthread_mutex_unlock(&follow->lock);
        follower->on_event(follower->context, notice->event);
        jwkd_free(notice->event);
        free(notice);
        pthread_mutex_lock(&follow->lock);
        follow->telling = NULL;
        if (follower->lost) { /* there is room again: say that something is missing */
            follower->lost = false;
            notice_plain(follower, JWKD_EVENT_SYNCHRONISED, follower->environment, 0, "");
        }
        if (follower->closing) pthread_cond_broadcast(&follow->changed); /* only a close waits for a telling */
    }
    pthread_mutex_unlock(&follow->lock);
    return NULL;
}
