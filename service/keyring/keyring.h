/* The use cases: decide, commit (state, event and answer in one transaction), swap the snapshot, publish.
 *
 * Reading, signing and verifying look at an immutable snapshot only, from any thread. Changes are queued to
 * one writer thread, which decides them one after the other and commits those that wait together in one
 * transaction. */
#ifndef KEYRING_KEYRING_H
#define KEYRING_KEYRING_H

#include "access/caller.h"
#include "events/publisher.h"
#include "events/registry.h"
#include "keyring/operation.h"
#include "keyring/reply.h"
#include "signer/signer.h"
#include "store/store.h"

struct keyring;

/* A change that was made: one revision of one environment, or one of accounts, tokens and grants. Borrowed
 * for the call. */
struct keyring_made {
    const char *verb;        /* the operation's name in the contract; "promote" where a promotion came due */
    const char *environment; /* "": none */
    uint64_t revision;
    const char *principal;   /* the caller that made it; the service itself is "service:..." */
    const char *kid;         /* "": the environment itself was changed */
    const char *deactivated; /* another key that it deactivated; "": none */
    const char *primary_kid; /* after the change; "": none */
    const char *subject;     /* the account, or a token's or grant's id; "": none */
};

struct keyring_options {
    struct store *store;       /* outlives the keyring */
    struct signer *signer;     /* likewise */
    struct registry *registry; /* likewise; NULL: nobody is counted as a subscriber */
    uint8_t boot_id[16];
    const char *version;      /* of the service */
    const char *machine_boot; /* names the machine's run, whose running-time clock this is; NULL: not known */
    unsigned reserve;         /* ready keys kept per key type in use */
    bool memory_locked;       /* for status */
    bool new_epoch;           /* begin one although the store does not look put back from a backup */
    bool accept_clock;        /* the wall clock is right, although it is behind what the keys have seen
                                 (changes/wall.h) */
    const char *operator;     /* the account that accepts it, e.g. "uid:0", for the record; NULL: not known */
    const char *own_principal; /* of the daemon: it and root get grants for everything
                                  (changes/access_bootstrap.h); NULL: nobody does */
    const char *admin;         /* becomes an admin of everything; NULL: nobody does */
    unsigned change_queue; /* changes that may wait; 0: 32; and a quarter as many deactivations beside them */
    unsigned most_changes,
        most_answers; /* of one caller (records/allowance.h); 0: LIMIT_CHANGES, LIMIT_ANSWERS */
    /* Called from any thread with a sentence for the operator, when something needs attention. May be
     * NULL. */
    void (*on_trouble)(void *context, jwkd_status status, const char *message);
    /* Called from the writer's thread after every change, once the change is durable and was told to
     * subscribers. May be NULL. */
    void (*on_change)(void *context, const struct keyring_made *made);
    /* Called from the writer's thread when accounts, tokens or grants have changed and everybody sees it,
     * before the change is answered. May be NULL. */
    void (*on_access)(void *context);
    void *context;
};

/* Loads everything from the store. CORRUPT says which row. */
jwkd_status keyring_open(
    const struct keyring_options *options, struct keyring **out, jwkd_error *error) MUST_CHECK;
const uint8_t *keyring_epoch(const struct keyring *keyring); /* 16 bytes */
uint64_t keyring_service_revision(struct keyring *keyring);
/* The present snapshot, with a reference for the caller. */
struct snapshot *keyring_snapshot(struct keyring *keyring);
/* Starts the writer and the makers of keys; from now on changes are published. */
jwkd_status keyring_start(struct keyring *keyring, struct publisher *publisher, jwkd_error *error) MUST_CHECK;
/* Finishes the changes that are queued, refuses new ones, ends the threads. May be called twice. */
void keyring_stop(struct keyring *keyring);
/* NULL is fine. */
void keyring_close(struct keyring *keyring);

/* ---- reading: from any thread, without waiting for writers. Each fills `reply`, or fails. ---- */

typedef jwkd_status keyring_use_case(struct keyring *keyring, const struct caller *caller,
    const Jwkd__V1__Request *request, struct reply *reply, jwkd_error *error);

keyring_use_case keyring_list_environments, keyring_list_keys, keyring_get_key, keyring_get_jwks,
    keyring_get_changes, keyring_status, keyring_get_operation;
keyring_use_case keyring_list_subscribers, keyring_get_receipt;
keyring_use_case keyring_list_accounts, keyring_get_account, keyring_list_tokens, keyring_list_grants;
keyring_use_case keyring_sign, keyring_sign_raw, keyring_verify;
/* keyring_follow_jwks is keyring_get_jwks as well, and makes the caller a subscriber of the environment. */
keyring_use_case keyring_follow_jwks, keyring_renew;

/* What keyring_sign would do of one token, without signing it. DENIED: the caller's rule. */
jwkd_status keyring_try_sign(struct keyring *keyring, const struct caller *caller, const char *environment,
    const Jwkd__V1__SignItem *item, jwkd_error *error) MUST_CHECK;

/* keyring_sign in three steps, so that several threads can sign one batch. The batch lives in its reply. The
 * first step signs one token if the disk may have to be waited for. */
struct keyring_signing;
jwkd_status keyring_sign_begin(struct keyring *keyring, const struct caller *caller,
    const Jwkd__V1__Request *request, struct reply *reply, struct keyring_signing **out,
    jwkd_error *error) MUST_CHECK;
/* Signs a token that no other thread has begun. False: none is left. Any number of threads may call it at
 * once. */
bool keyring_sign_next(struct keyring_signing *signing);
/* Call it after the last keyring_sign_next has returned, and exactly once for each batch that was begun. It
 * signs the whole batch anew if the key ended meanwhile. */
jwkd_status keyring_sign_end(struct keyring_signing *signing, jwkd_error *error) MUST_CHECK;

/* keyring_verify in three steps, for one thread at a time: the thread may turn to other requests between two
 * tokens. */
struct keyring_verifying;
jwkd_status keyring_verify_begin(struct keyring *keyring, const struct caller *caller,
    const Jwkd__V1__Request *request, struct reply *reply, struct keyring_verifying **out,
    jwkd_error *error) MUST_CHECK;
bool keyring_verify_next(struct keyring_verifying *verifying);
jwkd_status keyring_verify_end(struct keyring_verifying *verifying, jwkd_error *error) MUST_CHECK;

/* ---- changing ---- */

/* Call it when a subscriber has confirmed something or is gone: a promotion may be due. Any thread. */
void keyring_subscribers_changed(struct keyring *keyring);

/* A change under way. The caller zeroes it but for the first four members, and leaves it in place until
 * `done` was called. */
struct keyring_command {
    const Jwkd__V1__Request *request;
    struct caller caller;
    /* Called once, from the writer's thread; `reply` is a packed jwkd.v1.Reply, borrowed. */
    void (*done)(struct keyring_command *command, struct bytes reply, jwkd_status status);
    void *context;
    /* Whether the caller may do it, as rights stand when it is decided: others may have been changed before
     * it. `environment_id`: of the environment that the request names; 0: there is none. NULL: it may. */
    bool (*may)(const struct keyring_command *command, const struct book *book, uint64_t environment_id);
    /* the keyring's own: */
    struct keyring_command *next;
    struct buffer sealed; /* a sealed key to import, read ahead of the writer */
    struct jwk *jwk;
    char owner[17];
    uint8_t digest[OPERATION_DIGEST_SIZE];
};

/* Reads and seals a key to import, so that the writer need not. Call it before keyring_change(). It does
 * nothing for a request that is repeated. */
jwkd_status keyring_prepare_import(
    struct keyring *keyring, struct keyring_command *command, jwkd_error *error) MUST_CHECK;
/* Queues the change. INVALID_ARGUMENT: the caller's name is too long. BUSY: the queue is full. UNAVAILABLE:
 * the service is stopping. Otherwise `done` will be called. */
jwkd_status keyring_change(
    struct keyring *keyring, struct keyring_command *command, jwkd_error *error) MUST_CHECK;
/* Wipes and frees what the keyring keeps in a command. Call it after `done`, or when keyring_change()
 * failed. */
void keyring_command_clear(struct keyring_command *command);

/* What the RPC side counts for status. */
struct keyring_traffic {
    uint64_t requests, failed, busy;
};
void keyring_set_traffic(
    struct keyring *keyring, void (*read)(void *context, struct keyring_traffic *out), void *context);

#endif
