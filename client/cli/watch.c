#include <signal.h>
#include <stdatomic.h>
#include <unistd.h>

#include "cli/describe.h"
#include "cli/session.h"

static json_t *event_json(const jwkd_event *event)
{
    json_t *object =
        json_pack("{s:s, s:s, s:I, s:I, s:I, s:o, s:o}", "event", jwkd_event_kind_name(event->kind),
            "environment", event->environment, "revision", (json_int_t)event->revision, "previous_revision",
            (json_int_t)event->previous_revision, "at", (json_int_t)event->at, "primary_kid",
            json_text_or_null(event->primary_kid), "principal", json_text_or_null(event->principal));
    bool added = object != NULL;
    if (event->key) added = added && json_object_set_new(object, "key", key_json(event->key)) == 0;
    if (event->settings)
        added = added && json_object_set_new(object, "settings", environment_json(event->settings)) == 0;
    if (added) return object;
    json_decref(object);
    return NULL;
}

/* Nobody reads any more, or memory is short: ends the wait in watch(). */
static void on_event(void *context, const jwkd_event *event)
{
    atomic_bool *failed = context;
    if (print_json(event_json(event), NULL) == JWKD_OK) return;
    atomic_store(failed, true);
    kill(getpid(), SIGTERM);
}

static jwkd_status watch(struct cli *cli, jwkd_error *error)
{
    /* Blocked before the library makes threads, which inherit it: sigwait() alone gets them. */
    sigset_t ends;
    sigemptyset(&ends);
    sigaddset(&ends, SIGINT);
    sigaddset(&ends, SIGTERM);
    sigprocmask(SIG_BLOCK, &ends, NULL);

    atomic_bool failed = false;
    CLEANUP(jwkd_close_at) jwkd_client *client = NULL;
    CLEANUP(jwkd_watch_close_at) jwkd_watch *events = NULL;
    TRY(session_open(cli, &client, error));
    TRY(jwkd_watch_open(client, cli->words[0], on_event, &failed, &events, error));
    int signal_number;
    sigwait(&ends, &signal_number);
    if (atomic_load(&failed)) return fail(error, JWKD_INTERNAL, "cannot write to standard output");
    return JWKD_OK;
}

const struct verb VERB_WATCH = {
    .name = "watch",
    .words = "[ENV]",
    .most_words = 1,
    .summary = "follow what happens to the keys: a line of JSON an event",
    .details = "Of one environment, or of all. Goes on until it is interrupted.",
    .run = watch,
};
