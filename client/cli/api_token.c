/* token create, list, revoke: API tokens. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "cli/access_describe.h"
#include "cli/session.h"

/* ---- create */

/* Before the token is made: it is shown once. */
static jwkd_status open_file(const char *path, int *out, jwkd_error *error)
{
    *out = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (*out >= 0) return JWKD_OK;
    return fail(error, errno == EEXIST ? JWKD_ALREADY_EXISTS : JWKD_UNAVAILABLE, "%.150s cannot be made: %s",
        path, strerror(errno));
}

static jwkd_status write_file(const char *path, int fd, const char *secret, jwkd_error *error)
{
    size_t size = strlen(secret);
    if (write(fd, secret, size) == (ssize_t)size && write(fd, "\n", 1) == 1 && fsync(fd) == 0) return JWKD_OK;
    return fail(error, JWKD_UNAVAILABLE, "%.150s cannot be written: %s; revoke the token, and make another",
        path, strerror(errno));
}

static jwkd_status print_token(struct cli *cli, const jwkd_api_token *token, jwkd_error *error)
{
    if (cli->json) {
        json_t *value = api_token_json(token);
        if (value && json_object_set_new(value, "secret", json_string(token->secret)) != 0)
            json_decref(value), value = NULL;
        return print_json(value, error);
    }
    TRY(print_line(bytes_of_text(token->secret), error));
    char ends[MOMENT_SIZE];
    moment_format_age(token->expires_at, clock_wall_sec(), ends);
    fprintf(stderr, "jwkctl: this is shown once; its id is %s, and it ends %s\n", token->id, ends);
    return JWKD_OK;
}

static jwkd_status make_token(
    struct cli *cli, jwkd_client *client, uint32_t lifetime_sec, jwkd_api_token **out, jwkd_error *error)
{
    TRY(jwkd_api_token_create(
        client, cli->words[0], option_text(&cli->arguments, OPTION_NOTE), lifetime_sec, out, error));
    if (*(*out)->secret) return JWKD_OK;
    return fail(error, JWKD_UNAVAILABLE,
        "token %s was made, but the answer that showed it was lost: revoke it, and make another", (*out)->id);
}

static jwkd_status make_file(
    struct cli *cli, jwkd_client *client, const char *path, uint32_t lifetime_sec, jwkd_error *error)
{
    CLEANUP(free_answer) jwkd_api_token *token = NULL;
    CLEANUP(fd_close_at) int fd = -1;
    TRY(open_file(path, &fd, error));
    jwkd_status status = make_token(cli, client, lifetime_sec, &token, error);
    if (status == JWKD_OK) status = write_file(path, fd, token->secret, error);
    if (status != JWKD_OK) {
        unlink(path);
        return status;
    }
    if (cli->json) return print_json(api_token_json(token), error);
    printf("token %s of %s is in %s\n", token->id, token->account, path);
    return JWKD_OK;
}

static jwkd_status create(struct cli *cli, jwkd_error *error)
{
    CLEANUP(jwkd_close_at) jwkd_client *client = NULL;
    CLEANUP(free_answer) jwkd_api_token *token = NULL;
    const char *path = option_text(&cli->arguments, OPTION_OUT);
    uint32_t lifetime_sec = 0;
    TRY(cli_duration(cli, OPTION_TTL, &lifetime_sec, error));
    if (option_given(&cli->arguments, OPTION_TTL) && lifetime_sec == 0)
        return usage_error(cli, error, "a token must live for some time: --ttl cannot be 0");
    TRY(session_open(cli, &client, error));
    if (path) return make_file(cli, client, path, lifetime_sec, error);
    TRY(make_token(cli, client, lifetime_sec, &token, error));
    return print_token(cli, token, error);
}

const struct verb VERB_TOKEN_CREATE = {
    .name = "token create",
    .words = "ACCOUNT",
    .least_words = 1,
    .most_words = 1,
    .summary = "make an API token of an account; it is printed alone on standard output",
    .details =
        "It is shown once: the service keeps no more than a digest. A program reads it from a file, whose\n"
        "name it has from --token-file or $JWKD_TOKEN_FILE. An account may have several at a time.",
    .options = {{OPTION_NOTE, "what it is for"},
        {OPTION_OUT, "write it into a new file that only you can read"},
        {OPTION_TTL, "how long it lives, e.g. 30d (90d)"}},
    .run = create,
};

/* ---- list */

static jwkd_status print_list_json(const jwkd_api_token_list *list, jwkd_error *error)
{
    CLEANUP(json_decref_at) json_t *tokens = json_array();
    for (size_t i = 0; tokens && i < list->count; i++)
        if (json_array_append_new(tokens, api_token_json(&list->tokens[i])) != 0)
            return fail(error, JWKD_NO_MEMORY, "memory is short");
    return print_json(json_pack("{s:O}", "tokens", tokens), error);
}

static jwkd_status list_all(struct cli *cli, jwkd_error *error)
{
    CLEANUP(jwkd_close_at) jwkd_client *client = NULL;
    CLEANUP(free_answer) jwkd_api_token_list *list = NULL;
    TRY(session_open(cli, &client, error));
    TRY(jwkd_api_token_get_all(client, cli->words[0], &list, error));
    if (cli->json) return print_list_json(list, error);
    return print_api_tokens(list, "no token yet; 'jwkctl token create ACCOUNT' makes one", error);
}

const struct verb VERB_TOKEN_LIST = {
    .name = "token list",
    .words = "[ACCOUNT]",
    .most_words = 1,
    .summary = "list API tokens, without their secrets",
    .details = "",
    .run = list_all,
};

/* ---- revoke */

static jwkd_status revoke_token(struct cli *cli, jwkd_error *error)
{
    CLEANUP(jwkd_close_at) jwkd_client *client = NULL;
    TRY(session_open(cli, &client, error));
    TRY(jwkd_api_token_revoke(client, cli->words[0], error));
    if (cli->json) return print_json(json_pack("{s:s}", "revoked", cli->words[0]), error);
    printf("token %s is revoked: it is refused from the next request on\n", cli->words[0]);
    return JWKD_OK;
}

const struct verb VERB_TOKEN_REVOKE = {
    .name = "token revoke",
    .words = "ID",
    .least_words = 1,
    .most_words = 1,
    .summary = "revoke an API token",
    .details = "The id is the first part of the token, behind jwkd_. Open connections are no exception.",
    .run = revoke_token,
};
