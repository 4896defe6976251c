#include "keyring/changes/round.h"

#include "base/clock.h"
#include "keyring/changes/commit.h"
#include "keyring/changes/queue.h"
#include "keyring/changes/reload.h"
#include "keyring/records/rows.h"
#include "keyring/records/allowance.h"

enum {
    SHOWN_ONCE = 64, /* answers kept in memory until they are collected */
    CONFLICTS = 8,   /* a round is given up after so many conflicts */
};

/* ---- one change ---- */

/* The store does not keep a key that is shown once. The caller that waited for it collects it from memory,
 * once. */
static bool collect_shown(
    struct keyring *keyring, const struct change_request *change, struct decided *decided)
{
    struct pending **link =
        pending_find(&keyring->shown, change->principal, wire_view(change->request->request_id));
    struct pending *done = *link;
    if (!done) return false;
    *link = done->next;
    decided->collected = done;
    return buffer_append_bytes(&decided->reply, buffer_bytes(&done->shown)) == JWKD_OK;
}

/* Whether the same request waits for its key already. */
static jwkd_status check_waiting(
    struct keyring *keyring, const struct change_request *change, jwkd_error *error)
{
    const struct pending *pending =
        *pending_find(&keyring->pending, change->principal, wire_view(change->request->request_id));
    if (!pending) return JWKD_OK;
    if (memcmp(pending->digest, change->digest, sizeof pending->digest) != 0)
        return fail(error, JWKD_CONFLICT, "the request id was used for another operation; take a new one");
    return fail(error, JWKD_IN_PROGRESS, "a key is being made; repeat the request with the same request id");
}

static jwkd_status pack_reply(const struct reply *reply, struct buffer *out)
{
    return wire_pack(&reply->message.base, out);
}

/* Without the key, or the secret, that is shown once. */
static jwkd_status pack_hiding(struct reply *reply, struct buffer *out)
{
    if (reply->message.result_case == JWKD__V1__REPLY__RESULT_TOKEN) {
        Jwkd__V1__TokenReply *token = reply->message.token;
        char *secret = token->secret;
        token->secret = wire_text("");
        jwkd_status status = pack_reply(reply, out);
        token->secret = secret;
        return status;
    }
    Jwkd__V1__Key *key = reply->message.key->key;
    ProtobufCBinaryData shown = key->public_jwk;
    key->public_jwk = (ProtobufCBinaryData){0};
    jwkd_status status = pack_reply(reply, out);
    key->public_jwk = shown;
    return status;
}

/* Keeps the answer, without what is shown once. */
static jwkd_status keep_answer(
    struct transaction *transaction, const struct change_request *change, struct reply *reply)
{
    CLEANUP(buffer_clear) struct buffer packed = {0};
    if (change->request->dry_run) return JWKD_OK;
    TRY(reply->shown_once ? pack_hiding(reply, &packed) : pack_reply(reply, &packed));
    bool deactivation = change_is_deactivation(change->request);
    struct bytes id = wire_view(change->request->request_id);
    TRY(allowance_add(transaction, change->principal, id, deactivation));
    return rows_put_answer(
        transaction, id, change->principal, change->digest, buffer_bytes(&packed), deactivation);
}

static jwkd_status add_waiting(struct round *round, const struct change_request *change)
{
    const struct ring_environment *environment =
        transaction_find(&round->transaction, change_generation(change->request).environment);
    struct pending *pending;
    TRY(pending_new(
        change->request, change->principal, change->digest, environment ? environment->id : 0, &pending));
    pending->next = round->waiting;
    round->waiting = pending;
    round->transaction.waiting++;
    return JWKD_OK;
}

/* Decides a change within the round. *out_reply receives the packed answer in every case but NO_MEMORY. */
static jwkd_status decide(
    struct round *round, const struct change_request *change, struct buffer *out_reply, bool *out_changed)
{
    struct transaction *transaction = &round->transaction;
    jwkd_error error = {0};
    CLEANUP(reply_clear) struct reply reply;
    reply_init(&reply, change->request);
    jwkd_status status = change_decide(transaction, change, &reply, &error);
    if (status == JWKD_IN_PROGRESS && add_waiting(round, change) != JWKD_OK) transaction->spoiled = true;
    /* Keep it even if nothing changes: if the request is repeated later, it might be refused. */
    if (status == JWKD_OK && keep_answer(transaction, change, &reply) != JWKD_OK) transaction->spoiled = true;
    /* The answer depends on the commit if the transaction has a change that it was decided with or against.
     * It also does if only the answer itself is to be written, unless the change is final: if the answer
     * cannot be kept, as on a full disk, a repetition of the request may be refused, or undo what somebody
     * did since. */
    *out_changed = transaction->events || transaction->book || round->waiting ||
                   (transaction->write_count != 0 && !change_is_final(change->request));
    if (status != JWKD_OK) reply_fail(&reply, status, &error);
    return pack_reply(&reply, out_reply) == JWKD_OK ? status : JWKD_NO_MEMORY;
}

/* ---- what was answered before ---- */

/* Appending moves the buffer, so until all answers are in it `value` has a size only. */
static bool look_at_answer(void *context, const struct store_row *row)
{
    struct round *round = context;
    if (buffer_append_bytes(&round->looked_up, row->value) != JWKD_OK) return false;
    struct store_row *answer = &round->answers[round->answer_count++];
    answer->revision = row->revision;
    answer->value.size = row->value.size;
    return true;
}

static void set_views(struct round *round)
{
    const uint8_t *value = round->looked_up.data;
    for (size_t i = 0; value && i < round->answer_count; value += round->answers[i++].value.size)
        round->answers[i].value.data = value;
}

void round_look_up(struct round *round, const struct keyring_command *commands)
{
    const struct keyring *keyring = round->transaction.keyring;
    struct bytes keys[ROUND_COMMANDS];
    size_t count = 0;
    round->answer_count = round->looked_up.size = 0;
    for (; commands && count < ROUND_COMMANDS; commands = commands->next) {
        char name[ROW_KEY_SIZE];
        rows_request_name(
            "answer", wire_view(commands->request->request_id), commands->caller.principal, name);
        const char *copy = transaction_text(&round->transaction, name);
        if (!copy) break;
        keys[count++] = bytes_of_text(copy);
    }
    (void)!store_get_many(keyring->options.store, keys, count, look_at_answer, round);
    set_views(round);
}

/* An answer that the common reading did not get is read by itself: a damaged row must not concern other
 * changes. */
static jwkd_status look_for_answer(
    const struct round *round, const struct change_request *change, struct buffer *out)
{
    size_t index = round->count - 1;
    if (index < round->answer_count) return rows_read_answer(&round->answers[index], change->digest, out);
    return rows_get_answer(round->transaction.keyring, wire_view(change->request->request_id),
        change->principal, change->digest, out);
}

static jwkd_status repeated(
    struct round *round, const struct change_request *change, struct decided *decided, jwkd_error *error)
{
    struct keyring *keyring = round->transaction.keyring;
    CLEANUP(buffer_clear) struct buffer kept = {0};
    jwkd_status status = look_for_answer(round, change, &kept);
    if (status == JWKD_CONFLICT)
        return fail(error, status, "the request id was used for another operation; take a new one");
    /* The digest was compared, so it is the same request. */
    if (status == JWKD_OK && !collect_shown(keyring, change, decided)) {
        buffer_clear(&decided->reply);
        decided->reply = kept;
        kept = (struct buffer){0};
    }
    if (status != JWKD_NOT_FOUND) return status;
    TRY(check_waiting(keyring, change, error));
    return JWKD_NOT_FOUND;
}

/* Whether this round has the same request already. The second one waits for the next round, where it finds
 * the answer to the first. */
static bool in_this_round(const struct round *round, const struct keyring_command *command)
{
    for (size_t i = 0; i < round->count; i++) {
        const struct keyring_command *other = round->decided[i].command;
        if (strcmp(other->caller.principal, command->caller.principal) == 0 &&
            bytes_equal(wire_view(other->request->request_id), wire_view(command->request->request_id)))
            return true;
    }
    return false;
}

bool round_takes(const struct round *round, const struct keyring_command *command)
{
    return round->count < ROUND_COMMANDS && !round->transaction.spoiled &&
           transaction_has_room(&round->transaction) && !in_this_round(round, command);
}

static bool may_still(const struct round *round, const struct keyring_command *command)
{
    if (!command->may) return true;
    const struct ring_environment *environment =
        transaction_find(&round->transaction, change_environment(command->request));
    return command->may(command, transaction_book(&round->transaction), environment ? environment->id : 0);
}

void round_decide(struct round *round, struct keyring_command *command)
{
    struct decided *decided = &round->decided[round->count++];
    *decided = (struct decided){.command = command};
    struct change_request change = {.request = command->request,
        .principal = command->caller.principal,
        .digest = command->digest,
        .prepared = command};
    jwkd_error error = {0};
    /* Do not even look up answers: they might speak of a change that nobody here can see. */
    if (round->transaction.keyring->records.estranged)
        decided->status = fail(&error, JWKD_UNAVAILABLE, "nothing can be changed; " KEYRING_RESTART);
    else if (round->transaction.keyring->records.outdated)
        decided->status = fail(&error, JWKD_UNAVAILABLE,
            "somebody else changed the store, and it cannot be read anew at present; try again");
    else
        decided->status = operation_digest(command->request, command->digest);
    if (decided->status == JWKD_OK)
        decided->status = store_settle(round->transaction.keyring->options.store, &error);
    if (decided->status == JWKD_OK) decided->status = repeated(round, &change, decided, &error);
    if (decided->status == JWKD_NOT_FOUND && command->request->deadline_ns &&
        command->request->deadline_ns < clock_elapsed_ns())
        decided->status = fail(&error, JWKD_DEADLINE_EXCEEDED,
            "the deadline had passed before the change began; nothing was done");
    if (decided->status == JWKD_NOT_FOUND && !change_is_deactivation(command->request)) {
        jwkd_status allowed = allowance_check(round->transaction.keyring, command->caller.principal, &error);
        if (allowed != JWKD_OK) decided->status = allowed;
    }
    if (decided->status == JWKD_NOT_FOUND && !may_still(round, command))
        decided->status = fail(&error, JWKD_DENIED, "%.100s may not do this any longer", change.principal);
    if (decided->status == JWKD_NOT_FOUND) {
        decided->status = decide(round, &change, &decided->reply, &decided->changed);
        return;
    }
    if (decided->status == JWKD_OK) return;
    CLEANUP(reply_clear) struct reply reply;
    reply_init(&reply, command->request);
    reply_fail(&reply, decided->status, &error);
    if (pack_reply(&reply, &decided->reply) != JWKD_OK) decided->status = JWKD_NO_MEMORY;
}

/* ---- generations that wait ---- */

/* Tries to carry out one waiting generation. True: its answer, good or bad, is in the transaction. */
static bool serve(struct round *round, struct pending *pending)
{
    struct transaction *transaction = &round->transaction;
    CLEANUP(arena_clear) struct arena arena;
    ProtobufCMessage *message;
    char name[ROW_KEY_SIZE];
    if (wire_unpack(&jwkd__v1__request__descriptor, buffer_bytes(&pending->request), &arena, &message) !=
        JWKD_OK)
        return false;
    const Jwkd__V1__Request *request = (const Jwkd__V1__Request *)message;
    struct change_request change = {
        .request = request, .principal = pending->principal, .digest = pending->digest, .listed = true};
    jwkd_error error = {0};
    CLEANUP(reply_clear) struct reply reply;
    reply_init(&reply, request);
    const struct ring_environment *environment =
        transaction_find(transaction, change_generation(request).environment);
    jwkd_status status =
        environment && environment->id == pending->environment_id
            ? change_decide(transaction, &change, &reply, &error)
            : fail(&error, JWKD_NOT_FOUND, "the environment was deleted while its key was being made");
    if (status == JWKD_IN_PROGRESS || status == JWKD_NO_MEMORY || status == JWKD_BUSY ||
        status == JWKD_UNAVAILABLE)
        return false;
    rows_request_name("work", wire_view(request->request_id), pending->principal, name);
    /* A failure is not kept: a repetition of the request is told how things stand then. */
    if (transaction_erase(transaction, name) != JWKD_OK ||
        (status == JWKD_OK && keep_answer(transaction, &change, &reply) != JWKD_OK))
        transaction->spoiled = true;
    buffer_clear(&pending->shown);
    if (status == JWKD_OK && reply.shown_once && pack_reply(&reply, &pending->shown) != JWKD_OK)
        transaction->spoiled = true;
    return true;
}

void round_serve_waiting(struct round *round)
{
    struct keyring *keyring = round->transaction.keyring;
    for (struct pending **link = &keyring->pending; *link && !round->transaction.spoiled;) {
        struct pending *pending = *link;
        if (!transaction_has_room(&round->transaction)) {
            keyring_poke(keyring); /* the next round goes on with the rest */
            break;
        }
        if (serve(round, pending)) {
            *link = pending->next;
            pending->next = round->served;
            round->served = pending;
        } else {
            link = &pending->next;
        }
    }
}

/* Frees the generations that were served, but keeps those with an answer that is still to be collected. */
static void keep_shown(struct keyring *keyring, struct pending *served)
{
    for (struct pending *next; served; served = next) {
        next = served->next;
        if (served->shown.size) {
            served->next = keyring->shown;
            keyring->shown = served;
        } else {
            pending_free(served);
        }
    }
    struct pending **link = &keyring->shown;
    for (unsigned kept = 0; *link && kept < SHOWN_ONCE; kept++)
        link = &(*link)->next;
    pending_free_all(*link);
    *link = NULL;
}

static void append_pending(struct keyring *keyring, struct pending *list)
{
    struct pending **tail = &keyring->pending;
    while (*tail)
        tail = &(*tail)->next;
    *tail = list;
}

/* ---- a round ---- */

static void answer_all(struct round *round, jwkd_status commit_status, const jwkd_error *error)
{
    for (size_t i = 0; i < round->count; i++) {
        struct decided *decided = &round->decided[i];
        if (decided->changed && commit_status != JWKD_OK) {
            CLEANUP(reply_clear) struct reply reply;
            reply_init(&reply, decided->command->request);
            reply_fail(&reply, commit_status, error);
            buffer_clear(&decided->reply);
            decided->status = commit_status;
            if (pack_reply(&reply, &decided->reply) != JWKD_OK) decided->status = JWKD_NO_MEMORY;
        }
        struct buffer packed = decided->reply;
        decided->command->done(decided->command, buffer_bytes(&packed), decided->status);
        buffer_clear(&packed);
        pending_free(decided->collected);
    }
}

void round_accept_made(struct round *round, struct ready_key *made)
{
    for (struct ready_key *key = made, *next; key; key = next) {
        next = key->next;
        key->stored = rows_put_ready_key(&round->transaction, key) == JWKD_OK;
        key->next = round->accepted;
        round->accepted = key;
    }
}

static void put_accepted(struct round *round, bool committed)
{
    for (struct ready_key *key = round->accepted, *next; key; key = next) {
        next = key->next;
        key->stored &= committed;
        reserve_put(round->transaction.keyring->reserve, key);
    }
    round->accepted = NULL;
}

static jwkd_status commit(struct round *round, jwkd_error *error)
{
    if (round->transaction.spoiled) return fail(error, JWKD_NO_MEMORY, "out of memory: nothing was changed");
    return commit_transaction(&round->transaction, error);
}

static void begin_transaction(struct round *round, struct keyring *keyring)
{
    bool single = round->transaction.single;
    round->status = transaction_init(&round->transaction, keyring, clock_wall_sec());
    round->transaction.single = single;
}

/* Takes all decisions back. */
static void undo(struct round *round)
{
    struct keyring *keyring = round->transaction.keyring;
    for (; round->count; round->count--) {
        struct decided *decided = &round->decided[round->count - 1];
        buffer_clear(&decided->reply);
        if (!decided->collected) continue;
        decided->collected->next = keyring->shown;
        keyring->shown = decided->collected;
    }
    append_pending(keyring, round->served);
    pending_free_all(round->waiting);
    round->served = round->waiting = NULL;
    transaction_clear(&round->transaction);
}

/* Puts the rows of the keys that were made since the start of the round into the new transaction, too. */
static void accept_again(struct round *round)
{
    struct ready_key *made = round->accepted;
    round->accepted = NULL;
    round_accept_made(round, made);
}

bool round_again(struct round *round)
{
    struct keyring *keyring = round->transaction.keyring;
    round->error = (jwkd_error){0};
    round->status = commit(round, &round->error);
    bool conflict = round->status == JWKD_CONFLICT;
    bool too_large = round->status == JWKD_RESOURCE_EXHAUSTED && !round->transaction.single;
    if (conflict && ++round->conflicts == CONFLICTS) {
        round->status = fail(&round->error, JWKD_UNAVAILABLE,
            "somebody else goes on changing the store: nothing was changed; try again");
        return false;
    }
    if (!conflict && !too_large) return false;
    undo(round);
    round->transaction.single |= too_large;
    if (conflict) round->status = keyring_reload(keyring, &round->error);
    if (conflict && round->status != JWKD_OK) keyring_trouble(keyring, round->status, round->error.message);
    begin_transaction(round, keyring);
    accept_again(round);
    return round->status == JWKD_OK;
}

jwkd_status round_finish(struct round *round)
{
    struct keyring *keyring = round->transaction.keyring;
    const jwkd_error *error = &round->error;
    if (round->status != JWKD_OK && round->transaction.write_count)
        keyring_trouble(
            keyring, round->status, error->message[0] ? error->message : jwkd_status_text(round->status));
    bool committed = round->status == JWKD_OK;
    put_accepted(round, committed);
    append_pending(keyring, committed ? round->waiting : round->served);
    if (committed)
        keep_shown(keyring, round->served);
    else
        pending_free_all(round->waiting);
    transaction_clear(
        &round->transaction); /* gives keys back to the reserve before any caller is told to try again */
    answer_all(round, round->status, error);
    buffer_clear(&round->looked_up);
    return round->status;
}

/* First reads what somebody else changed, if that failed before. */
jwkd_status round_begin(struct round *round, struct keyring *keyring)
{
    jwkd_error error = {0};
    memset(round, 0, sizeof *round);
    if (keyring->records.outdated && !keyring->records.estranged &&
        keyring_reload(keyring, &error) != JWKD_OK)
        keyring_trouble(keyring, error.status, error.message);
    begin_transaction(round, keyring);
    return round->status;
}
