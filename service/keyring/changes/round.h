/* A round of the writer: changes are decided one after the other, committed together, and answered. */
#ifndef KEYRING_ROUND_H
#define KEYRING_ROUND_H

#include "keyring/changes/changes.h"

enum { ROUND_COMMANDS = 64 /* changes committed together */ };

/* One change of a transaction, decided. */
struct decided {
    struct keyring_command *command;
    struct buffer reply;       /* packed */
    struct pending *collected; /* where `reply` comes from, if it was shown once */
    jwkd_status status;
    bool changed; /* the answer depends on the commit */
};

struct round {
    struct transaction transaction;
    struct store_row answers[ROUND_COMMANDS]; /* as they were looked up; the values are in `looked_up` */
    size_t answer_count;
    struct buffer looked_up;
    struct decided decided[ROUND_COMMANDS];
    size_t count;
    struct ready_key *accepted; /* made keys that have rows in the transaction */
    struct pending *served;     /* generations that are done once the transaction is committed */
    struct pending *waiting;    /* generations that begin to wait */
    jwkd_status status;         /* of the commit */
    jwkd_error error;
    unsigned conflicts; /* with others that change the store */
};

/* Only the writer's thread calls these. A round that was begun must be finished, whatever happens in between:
 *
 *     if (round_begin(round, keyring) != JWKD_OK) ...
 *     do
 *         what is to be decided
 *     while (round_again(round));
 *     round_finish(round) */
jwkd_status round_begin(struct round *round, struct keyring *keyring) MUST_CHECK;

/* Commits. True: everything has to be decided again. Either somebody else changed the store, which was read
 * anew; or the transaction was more than the store takes at once, and from now on the round takes one
 * change. */
bool round_again(struct round *round);

/* Looks up, in one reading, whether these changes were answered before, as many of them as a round takes.
 * They are then decided in this order. */
void round_look_up(struct round *round, const struct keyring_command *commands);
/* Whether the round takes the command. False: it is for the next round, because this one is full or has the
 * same request. */
bool round_takes(const struct round *round, const struct keyring_command *command);
/* Decides a change that the round takes. */
void round_decide(struct round *round, struct keyring_command *command);
/* Takes over keys that the makers finished, and gives them rows. A key without a row is ready only until the
 * next start. */
void round_accept_made(struct round *round, struct ready_key *made);
/* Carries out generations that waited for a key, as far as there are keys now. */
void round_serve_waiting(struct round *round);

/* Publishes and answers. Fails as commit_transaction() does, except for CONFLICT; the callers have been told
 * of the failure. */
jwkd_status round_finish(struct round *round);

#endif
