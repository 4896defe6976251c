/* A round of the writer: changes are decided one after the other, committed together, and answered. */
#ifndef KEYRING_ROUND_H
#define KEYRING_ROUND_H

#include "keyring/changes/changes.h"

enum { ROUND_COMMANDS = 64 /* changes committed together */ };

/* One change of a transaction, decided. */
struct decided {
    struct keyring_command *command;
    struct buffer reply;       /* packed */
    struct pending *collected; /* whose answer that is, if it was shown once */
    jwkd_status status;
    bool changed; /* its answer depends on the commit */
};

struct round {
    struct transaction transaction;
    struct store_row answers[ROUND_COMMANDS]; /* as they were looked up; their values lie in `looked_up` */
    size_t answer_count;
    struct buffer looked_up;
    struct decided decided[ROUND_COMMANDS];
    size_t count;
    struct ready_key *accepted; /* made keys whose rows are in the transaction */
    struct pending *served;     /* waiting generations that are done once it is committed */
    struct pending *waiting;    /* new ones */
    jwkd_status status;         /* of the commit */
    jwkd_error error;
    unsigned conflicts; /* with others who change the store */
};

/* Only the writer's thread calls these. A round that was begun is finished, whatever came between:
 *
 *     if (round_begin(round, keyring) != JWKD_OK) ...
 *     do
 *         what is to be decided
 *     while (round_again(round));
 *     round_finish(round) */
jwkd_status round_begin(struct round *round, struct keyring *keyring) MUST_CHECK;

/* Commits. True: all is to be decided again, for somebody else changed the store, which was read anew; or for
 * it was more than the store takes at once, so that the round takes one change now. */
bool round_again(struct round *round);

/* Looks up whether these changes were answered before, so many of them as a round takes: in one reading. Then
 * they are decided in this order. */
void round_look_up(struct round *round, const struct keyring_command *commands);
/* False: it is for the next round, since this one is full or has the same request. */
bool round_takes(const struct round *round, const struct keyring_command *command);
/* Decides a change, of which round_takes(). */
void round_decide(struct round *round, struct keyring_command *command);
/* Keys that the makers finished get a row; without one they are ready until the next start. Takes them. */
void round_accept_made(struct round *round, struct ready_key *made);
/* Carries out what waited for a key, as far as there are keys now. */
void round_serve_waiting(struct round *round);

/* Publishes and answers. Fails as commit_transaction() does, but for CONFLICT; who asked has been told so. */
jwkd_status round_finish(struct round *round);

#endif
