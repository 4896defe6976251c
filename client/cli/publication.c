#include "cli/publication.h"

#include <stdio.h>

#include "base/clock.h"
#include "cli/describe.h"
#include "cli/operation.h"
#include "cli/progress.h"
#include "cli/session.h"

/* What a promotion may take longer than it promises: a commit on a slow disk, a restart of the service. */
enum { MARGIN_MS = 10 * 1000 };

static uint32_t at_most_ms(uint64_t ms)
{
    return ms < UINT32_MAX ? (uint32_t)ms : UINT32_MAX;
}

jwkd_status publication_options(struct cli *cli, struct publication_wait *out, jwkd_error *error)
{
    static const enum option EXCLUSIVE[][2] = {
        {OPTION_HOLD, OPTION_NOW}, {OPTION_HOLD, OPTION_WAIT}, {OPTION_NO_WAIT, OPTION_WAIT}};
    for (size_t i = 0; i < sizeof EXCLUSIVE / sizeof *EXCLUSIVE; i++)
        if (option_given(&cli->arguments, EXCLUSIVE[i][0]) && option_given(&cli->arguments, EXCLUSIVE[i][1]))
            return usage_error(cli, error, "--%s and --%s exclude each other", option_name(EXCLUSIVE[i][0]),
                option_name(EXCLUSIVE[i][1]));
    uint32_t timeout_sec = 0;
    struct publication_wait wait = {
        .wanted = option_given(&cli->arguments, OPTION_WAIT),
        .limited = option_given(&cli->arguments, OPTION_TIMEOUT),
    };
    if (wait.limited && !wait.wanted) return usage_error(cli, error, "--timeout goes with --wait");
    TRY(cli_duration(cli, OPTION_TIMEOUT, &timeout_sec, error));
    wait.ms = at_most_ms((uint64_t)timeout_sec * 1000);
    *out = wait;
    return JWKD_OK;
}

static void show_progress(void *context, const jwkd_operation *operation)
{
    char line[OPERATION_TEXT_SIZE];
    operation_format_progress(operation, line);
    progress_say(context, (uint64_t)operation->confirmed << 32 | operation->subscribers, line);
}

/* The operation at its end, or as it is after that time. */
static jwkd_status await(jwkd_client *client, const char *id, uint32_t wait_ms, struct progress *progress,
    jwkd_operation **out, jwkd_error *error)
{
    jwkd_status status = jwkd_await_operation(client, id, wait_ms, show_progress, progress, out, error);
    return status == JWKD_TIMED_OUT ? jwkd_get_operation(client, id, out, error) : status;
}

/* Likewise, when patience ends; fails only when nothing can be learned of it. Who begins to follow meanwhile,
 * and has a longer lease than the others, may put the end off. */
static jwkd_status follow(struct cli *cli, jwkd_client *client, const jwkd_operation *begun,
    const struct publication_wait *wait, jwkd_operation **out, jwkd_error *error)
{
    struct progress progress = progress_begin(cli->json);
    uint32_t wait_ms = wait->limited ? wait->ms : at_most_ms((uint64_t)begun->at_most_ms + MARGIN_MS);
    jwkd_status status = await(client, begun->id, wait_ms, &progress, out, error);
    while (status == JWKD_OK && !wait->limited && (*out)->phase == JWKD_PHASE_WAITING && (*out)->at_most_ms) {
        wait_ms = at_most_ms((uint64_t)(*out)->at_most_ms + MARGIN_MS);
        jwkd_free(*out);
        *out = NULL;
        status = await(client, begun->id, wait_ms, &progress, out, error);
    }
    progress_clear(&progress);
    return status;
}

/* Whether the key became primary, in the end. */
static jwkd_status judge(struct cli *cli, const jwkd_operation *operation, jwkd_error *error)
{
    if (operation->phase == JWKD_PHASE_DONE) return JWKD_OK;
    if (operation->phase == JWKD_PHASE_CANCELLED) {
        snprintf(cli->hint, sizeof cli->hint,
            "'jwkctl list %s' shows which key signs; 'jwkctl set-primary' lets another one",
            operation->environment);
        return fail(error, JWKD_FAILED_PRECONDITION, "%s does not become primary: %s", operation->kid,
            operation->reason);
    }
    char progress[OPERATION_TEXT_SIZE];
    operation_format_progress(operation, progress);
    snprintf(cli->hint, sizeof cli->hint,
        "it goes on: 'jwkctl operation show %s' tells how; 'jwkctl subscribers %s' who has not confirmed; "
        "'jwkctl set-primary' ends the wait",
        operation->id, operation->environment);
    return fail(
        error, JWKD_DEADLINE_EXCEEDED, "%s is published and not primary yet: %s", operation->kid, progress);
}

/* Where the environment shows public keys only once, this was the time. */
static void print_public_key_once(jwkd_client *client, const char *environment, const jwkd_key *key)
{
    CLEANUP(free_answer) jwkd_key_answer *again = NULL;
    bool shown_again =
        jwkd_get_key(client, environment, key->kid, &again, NULL) == JWKD_OK && *again->key.public_jwk;
    if (*key->public_jwk && !shown_again) printf("its public key, shown this once: %s\n", key->public_jwk);
}

/* What became of the key, when nobody waits for more. */
static void print_outlook(const jwkd_operation *operation)
{
    if (!operation) return; /* held */
    if (operation->phase != JWKD_PHASE_WAITING) {
        printf("it signs already (%s)\n", operation->reason);
        return;
    }
    char progress[OPERATION_TEXT_SIZE];
    operation_format_progress(operation, progress);
    printf("published; becomes primary when its subscribers have it: 'jwkctl operation show %s'\n"
           "until then: %s\n",
        operation->id, progress);
}

static jwkd_status report_json(jwkd_client *client, const char *environment, const jwkd_key_answer *answer,
    const jwkd_operation *operation, jwkd_error *error)
{
    CLEANUP(free_answer) jwkd_key_answer *present = NULL;
    TRY(jwkd_get_key(client, environment, answer->key.kid, &present, error));
    jwkd_key_answer told = *present;
    told.key.public_jwk = answer->key.public_jwk; /* which may be shown this once */
    told.operation = operation;
    return print_json(key_answer_json(environment, &told), error);
}

static jwkd_status report_waiting(struct cli *cli, jwkd_client *client, const jwkd_key_answer *answer,
    const struct publication_wait *wait, jwkd_error *error)
{
    CLEANUP(free_answer) jwkd_operation *operation = NULL;
    uint64_t began_ns = clock_elapsed_ns();
    TRY(follow(cli, client, answer->operation, wait, &operation, error));
    if (cli->json) TRY(report_json(client, cli->words[0], answer, operation, error));
    TRY(judge(cli, operation, error));
    char waited[MOMENT_SIZE];
    elapsed_format((clock_elapsed_ns() - began_ns) / 1000, waited);
    if (!cli->json) printf("it is primary after %s: %s\n", waited, operation->reason);
    return JWKD_OK;
}

jwkd_status publication_report(struct cli *cli, jwkd_client *client, const char *done,
    const jwkd_key_answer *answer, const struct publication_wait *wait, jwkd_error *error)
{
    const char *environment = cli->words[0];
    const jwkd_operation *operation = answer->operation;
    bool waits = wait->wanted && operation && operation->phase == JWKD_PHASE_WAITING;
    if (!cli->json || !waits) TRY(print_key_answer(cli->json, environment, done, answer, error));
    if (!cli->json) {
        print_public_key_once(client, environment, &answer->key);
        if (!waits) print_outlook(operation);
        fflush(stdout); /* before what waiting says on standard error */
    }
    return waits ? report_waiting(cli, client, answer, wait, error) : JWKD_OK;
}
