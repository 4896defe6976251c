#include "cli/session.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

jwkd_status session_open(struct cli *cli, jwkd_client **out, jwkd_error *error)
{
    jwkd_client_options options = {.name = "jwkctl",
        .token_file = option_text(&cli->arguments, OPTION_TOKEN_FILE),
        .insecure_tcp = option_given(&cli->arguments, OPTION_INSECURE_TCP)};
    jwkd_status status = jwkd_open(option_text(&cli->arguments, OPTION_URL), &options, out, error);
    /* No other argument of the call can be wrong. */
    if (status == JWKD_INVALID_ARGUMENT) cli->usage_error = option_given(&cli->arguments, OPTION_URL);
    cli->shut_out = status == JWKD_DENIED;
    return status;
}

/* The rule of jwkd_open(), so that a person can be told where it looked. */
void session_url(const struct cli *cli, char *out, size_t size)
{
    const char *url = option_text(&cli->arguments, OPTION_URL);
    if (!url) url = getenv("JWKD_URL");
    if (url && *url) {
        snprintf(out, size, "%s", url);
        return;
    }
    const char *runtime = getenv("XDG_RUNTIME_DIR");
    if (runtime && *runtime) {
        char path[4096];
        snprintf(path, sizeof path, "%s/jwkd/rpc.sock", runtime);
        if (access(path, F_OK) == 0) {
            snprintf(out, size, "ipc://%s", path);
            return;
        }
    }
    snprintf(out, size, "ipc:///run/jwkd/rpc.sock");
}

static const char *hint_for(jwkd_status status)
{
    if (status == JWKD_NOT_FOUND)
        return "'jwkctl env list' shows the environments, 'jwkctl list ENV' their keys";
    if (status == JWKD_NO_PRIMARY) return "'jwkctl generate ENV' makes a key to sign with";
    if (status == JWKD_DENIED) return "'jwkctl whoami' shows who you are here, and what you may";
    if (status == JWKD_BUSY) return "the service is busy: try again";
    if (status == JWKD_IN_PROGRESS) return "it will be made nevertheless: 'jwkctl list ENV' will show it";
    if (status == JWKD_TIMED_OUT)
        return "if this was a change, see with 'jwkctl list ENV' whether it was made before repeating it";
    return "";
}

void session_hint(const struct cli *cli, jwkd_status status, char *out, size_t size)
{
    if (cli->usage_error) {
        snprintf(out, size, "see 'jwkctl --help' and 'jwkctl help VERB'");
    } else if (cli->hint[0]) {
        snprintf(out, size, "%s", cli->hint);
    } else if (cli->shut_out) {
        snprintf(out, size,
            "the socket's owner and group may connect, and no others: 'ls -l' shows them, 'id' yours");
    } else if (status == JWKD_UNREACHABLE) {
        char url[512];
        session_url(cli, url, sizeof url);
        snprintf(out, size,
            "looked at %s; --url or $JWKD_URL name another; 'jwkd --data DIR --socket-dir DIR' starts a "
            "service",
            url);
    } else {
        snprintf(out, size, "%s", hint_for(status));
    }
}
