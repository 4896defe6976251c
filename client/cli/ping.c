#include <stdio.h>

#include "cli/output.h"
#include "cli/session.h"

static jwkd_status ping(struct cli *cli, jwkd_error *error)
{
    CLEANUP(jwkd_close_at) jwkd_client *client = NULL;
    uint64_t round_trip_us = 0;
    TRY(session_open(cli, &client, error));
    TRY(jwkd_ping(client, &round_trip_us, error));
    char url[512];
    session_url(cli, url, sizeof url);
    if (cli->json)
        return print_json(json_pack("{s:o, s:I}", "url", json_text(bytes_of_text(url)), "round_trip_us",
                              (json_int_t)round_trip_us),
            error);
    fputs("alive: ", stdout);
    print_text(stdout, bytes_of_text(url));
    printf(" answered in %.2f ms\n", (double)round_trip_us / 1000);
    return JWKD_OK;
}

const struct verb VERB_PING = {
    .name = "ping",
    .words = "",
    .summary = "ask the service for a sign of life",
    .details = "",
    .run = ping,
};
