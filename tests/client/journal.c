#include "client/journal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void journal_init(struct journal *journal)
{
    memset(journal, 0, sizeof *journal);
    pthread_mutex_init(&journal->lock, NULL);
    pthread_cond_init(&journal->changed, NULL);
}

void journal_write(void *context, const jwkd_event *event)
{
    struct journal *journal = context;
    if (journal->then) journal->then(journal->context, event);
    pthread_mutex_lock(&journal->lock);
    if (journal->count == JOURNAL_ROWS) abort();
    struct journal_row *row = &journal->rows[journal->count++];
    row->kind = event->kind;
    row->revision = event->revision;
    row->previous_revision = event->previous_revision;
    snprintf(row->environment, sizeof row->environment, "%s", event->environment);
    snprintf(row->kid, sizeof row->kid, "%s", event->key ? event->key->kid : "");
    pthread_cond_broadcast(&journal->changed);
    pthread_mutex_unlock(&journal->lock);
}

static size_t find(const struct journal *journal, jwkd_event_kind kind, uint64_t revision, unsigned nth)
{
    for (size_t i = 0; i < journal->count; i++)
        if (journal->rows[i].kind == kind && (revision == 0 || journal->rows[i].revision == revision) &&
            --nth == 0)
            return i;
    return JOURNAL_ROWS;
}

size_t journal_await(struct journal *journal, jwkd_event_kind kind, uint64_t revision, unsigned nth)
{
    size_t found;
    pthread_mutex_lock(&journal->lock);
    while ((found = find(journal, kind, revision, nth)) == JOURNAL_ROWS)
        pthread_cond_wait(&journal->changed, &journal->lock);
    pthread_mutex_unlock(&journal->lock);
    return found;
}

unsigned journal_count(struct journal *journal, jwkd_event_kind kind)
{
    unsigned count = 0;
    pthread_mutex_lock(&journal->lock);
    for (size_t i = 0; i < journal->count; i++)
        count += journal->rows[i].kind == kind;
    pthread_mutex_unlock(&journal->lock);
    return count;
}
