#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "cli/confirm.h"
#include "cli/describe.h"
#include "cli/kid.h"
#include "cli/progress.h"
#include "cli/receipt.h"
#include "cli/session.h"

enum {
    FIRST_POLL_MS = 2,
    LONGEST_POLL_MS = 250,
    MARGIN_MS = 10 * 1000, /* beyond what the receipt promises nobody waits for ever */
};

/* ---- before */

/* What the deactivation kills. */
static void tell_consequences(const char *environment, const jwkd_key *key)
{
    char age[MOMENT_SIZE];
    int64_t now = clock_wall_sec();
    moment_format_age(key->last_expiry, now, age);
    fprintf(stderr, "%s is %s in %s", key->kid, jwkd_key_state_name(key), environment);
    if (key->last_expiry == 0 && key->tokens_signed == 0)
        fputs(" and signed no token", stderr);
    else if (key->last_expiry == 0)
        fprintf(stderr, " and signed %" PRIu64 " payload%s, which have no expiry", key->tokens_signed,
            key->tokens_signed == 1 ? "" : "s");
    else
        fprintf(stderr, " and signed %" PRIu64 " token%s since the service was started; the last %s %s",
            key->tokens_signed, key->tokens_signed == 1 ? "" : "s",
            key->last_expiry > now ? "expires" : "expired", age);
    fputs(".\n", stderr);
}

static const jwkd_key *find_key(const jwkd_key_list *keys, const char *kid)
{
    for (size_t i = 0; i < keys->count; i++)
        if (strcmp(keys->keys[i].kid, kid) == 0) return &keys->keys[i];
    return NULL;
}

/* How many could sign next of the keys that are held or retire, or of the others; one of them in *out_kid. */
static size_t count_successors(const jwkd_key_list *keys, bool held_or_retiring, const char **out_kid)
{
    size_t count = 0;
    for (size_t i = 0; i < keys->count; i++) {
        const jwkd_key *key = &keys->keys[i];
        bool live = key->state == JWKD_KEY_ACTIVE && !key->primary;
        if (!live || (key->held || key->retiring_since) != held_or_retiring) continue;
        count++;
        *out_kid = key->kid;
    }
    return count;
}

/* What signs instead of the primary key, as far as that is sure: of several the service prefers those that
 * every subscriber has, which it alone knows. */
static void tell_successor(const jwkd_key_list *keys)
{
    const char *kid = NULL;
    size_t count = count_successors(keys, false, &kid);
    if (count == 0) count = count_successors(keys, true, &kid);
    if (count == 0)
        fputs("Nothing can be signed then.\n", stderr);
    else if (count == 1)
        fprintf(stderr, "%s signs then.\n", kid);
    else
        fprintf(stderr, "One of %zu other keys signs then.\n", count);
}

static size_t count_live(const jwkd_key_list *keys)
{
    size_t count = 0;
    for (size_t i = 0; i < keys->count; i++)
        count += keys->keys[i].state == JWKD_KEY_ACTIVE;
    return count;
}

static jwkd_status ask(struct cli *cli, jwkd_client *client, jwkd_error *error)
{
    if (!confirm_wanted(cli)) return JWKD_OK;
    CLEANUP(free_answer) jwkd_key_list *keys = NULL;
    TRY(jwkd_get_keys(client, cli->words[0], &keys, error));
    const jwkd_key *key = find_key(keys, cli->words[1]);
    if (!key || key->state != JWKD_KEY_ACTIVE) return JWKD_OK; /* nothing will change */
    if (count_live(keys) == 1 && !option_given(&cli->arguments, OPTION_ALLOW_NONE))
        return fail(error, JWKD_FAILED_PRECONDITION,
            "this is the last active key and signing would stop: generate another first, or --allow-none");
    tell_consequences(cli->words[0], key);
    if (key->primary) tell_successor(keys);
    return confirm("Refuse all of them from now on, for good?", error);
}

/* ---- after: from here on nothing is a failure, since the key is deactivated */

static void warn(const struct cli *cli, const jwkd_error *error)
{
    report_warning(cli->json, "the key is deactivated, but who refuses it already is not known: %s",
        error->message[0] ? error->message : jwkd_status_text(error->status));
}

static void pause_ms(uint64_t ms)
{
    nanosleep(
        &(struct timespec){.tv_sec = (time_t)(ms / 1000), .tv_nsec = (long)(ms % 1000 * NS_PER_MS)}, NULL);
}

static void show(
    const struct cli *cli, struct progress *progress, const jwkd_receipt *receipt, const jwkd_receipt *before)
{
    char line[RECEIPT_TEXT_SIZE];
    if (!cli->json && receipt_has_news(receipt, before)) {
        progress_clear(progress);
        receipt_print_news(stdout, receipt, before);
        fflush(stdout);
    }
    receipt_format_progress(receipt, line);
    if (!receipt_is_final(receipt)) progress_say(progress, 0, line);
}

/* The receipt when nothing more will come of it; as it stands, where nobody waits. NULL when it is not to be
 * had. */
static jwkd_receipt *follow(const struct cli *cli, jwkd_client *client)
{
    bool wait = !option_given(&cli->arguments, OPTION_NO_WAIT);
    struct progress progress = progress_begin(cli->json);
    jwkd_receipt *receipt = NULL, *next;
    uint64_t until_ns = 0;
    for (uint64_t poll_ms = FIRST_POLL_MS;;
         poll_ms = poll_ms * 2 < LONGEST_POLL_MS ? poll_ms * 2 : LONGEST_POLL_MS) {
        jwkd_error error = {0};
        jwkd_status status = jwkd_get_receipt(client, cli->words[0], cli->words[1], &next, &error);
        if (status != JWKD_OK) {
            error.status = status;
            progress_clear(&progress);
            warn(cli, &error);
            return receipt;
        }
        show(cli, &progress, next, receipt);
        jwkd_free(receipt);
        receipt = next;
        if (!until_ns)
            until_ns = clock_elapsed_ns() + (receipt->effective_in_ms + (uint64_t)MARGIN_MS) * NS_PER_MS;
        if (!wait || receipt_is_final(receipt) || clock_elapsed_ns() >= until_ns) break;
        pause_ms(poll_ms);
    }
    progress_clear(&progress);
    return receipt;
}

static jwkd_status print_with_receipt(
    const char *environment, const jwkd_key_answer *answer, const jwkd_receipt *receipt, jwkd_error *error)
{
    json_t *object = key_answer_json(environment, answer);
    if (json_object_set_new(object, "receipt", receipt ? receipt_json(receipt) : json_null()) == 0)
        return print_json(object, error);
    json_decref(object);
    return print_json(NULL, error);
}

static jwkd_status deactivate(struct cli *cli, jwkd_error *error)
{
    const char *environment = cli->words[0];
    bool allow_none = option_given(&cli->arguments, OPTION_ALLOW_NONE);
    CLEANUP(jwkd_close_at) jwkd_client *client = NULL;
    CLEANUP(free_answer) jwkd_key_answer *answer = NULL;
    CLEANUP(free_answer) jwkd_receipt *receipt = NULL;
    TRY(session_open(cli, &client, error));
    TRY(kid_complete(cli, client, &cli->words[1], error));
    TRY(ask(cli, client, error));
    TRY(jwkd_deactivate(client, environment, cli->words[1], allow_none, &answer, error));
    if (!cli->json) {
        bool destroyed = answer->key.state == JWKD_KEY_DESTROYED;
        TRY(print_key_answer(false, environment, destroyed ? "already stopped" : "stopped", answer, error));
        print_signer(environment, answer->primary_kid);
        fflush(stdout);
    }
    receipt = follow(cli, client);
    if (cli->json) return print_with_receipt(environment, answer, receipt, error);
    if (receipt) receipt_print_sum(stdout, receipt, clock_wall_sec());
    return JWKD_OK;
}

const struct verb VERB_DEACTIVATE = {
    .name = "deactivate",
    .words = "ENV KID",
    .least_words = 2,
    .most_words = 2,
    .summary = "stop a key at once, and for good",
    .details =
        "Every token that it signed is refused from then on. If it was primary, another active key signs\n"
        "instead. Then it tells which subscribers refuse the key, until all do or every lease has run out;\n"
        "interrupting that changes nothing.",
    .options = {{OPTION_ALLOW_NONE, "even the last active key: nothing can be signed then"},
        {OPTION_YES, "do not ask, on a terminal"},
        {OPTION_NO_WAIT, "tell who refuses it at this moment, and do not wait for the others"}},
    .run = deactivate,
};
