/* What a callback was told, to be awaited. */
#ifndef TESTS_CLIENT_JOURNAL_H
#define TESTS_CLIENT_JOURNAL_H

#include <jwkd.h>
#include <pthread.h>

enum { JOURNAL_ROWS = 256 };

struct journal_row {
    jwkd_event_kind kind;
    char environment[64], kid[64];
    uint64_t revision, previous_revision;
};

struct journal {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct journal_row rows[JOURNAL_ROWS];
    size_t count;
    void (*then)(void *context, const jwkd_event *event); /* called after each; may be NULL */
    void *context;
};

void journal_init(struct journal *journal);
/* For jwkd_on_event; the context is a journal. */
void journal_write(void *journal, const jwkd_event *event);
/* Waits for the `nth` (from 1) row of the kind and revision (0: any); returns its index. */
size_t journal_await(struct journal *journal, jwkd_event_kind kind, uint64_t revision, unsigned nth);
unsigned journal_count(struct journal *journal, jwkd_event_kind kind);

#endif
