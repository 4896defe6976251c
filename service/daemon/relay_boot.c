#include "daemon/relay_boot.h"

#include <nng/nng.h>
#include <stdlib.h>

#include "daemon/log.h"
#include "daemon/places.h"
#include "daemon/process.h"
#include "daemon/trouble.h"
#include "daemon/vigil.h"
#include "relay/relay.h"

enum { STOP_MS = 2000 }; /* what was asked is answered within half of it */

struct relay_service {
    struct places places;
    struct relay *relay;
    struct vigil *vigil;
};

static void on_state(void *context, jwkd_status status, const char *message)
{
    (void)context;
    if (status == JWKD_OK)
        log_info(message);
    else
        log_warning(message, "status", jwkd_status_name(status));
}

static struct relay_options options_of(const struct config *config, const struct places *places)
{
    return (struct relay_options){.upstream = config->upstream,
        .urls = places->rpc_urls,
        .url_count = places->rpc_count,
        .events_urls = places->events_urls,
        .events_url_count = places->events_count,
        .on_state = on_state,
        .on_trouble = trouble_log};
}

static jwkd_status start(struct relay_service *service, const struct config *config, jwkd_error *error)
{
    TRY(places_list(config, &service->places, error));
    TRY(places_make_directory(config->socket_dir, 0750, error));
    TRY(places_clear(&service->places, error)); /* before anything is dialled */
    struct relay_options options = options_of(config, &service->places);
    TRY(relay_start(&options, &service->relay, error));
    return vigil_start(NULL, &service->vigil, error);
}

jwkd_status relay_boot_start(const struct config *config, struct relay_service **out, jwkd_error *error)
{
    struct relay_service *service = *out = calloc(1, sizeof *service);
    if (!service) return fail(error, JWKD_NO_MEMORY, "out of memory");
    TRY(start(service, config, error));
    log_info("relaying", "upstream", config->upstream, "requests", service->places.rpc_urls[0], "events",
        service->places.events_urls[0]);
    return JWKD_OK;
}

void relay_boot_stop(struct relay_service *service, int code)
{
    if (!service) return;
    process_bound_sockets(STOP_MS, code);
    vigil_stop(service->vigil);
    relay_stop(service->relay);
    free(service);
    nng_fini();
}

jwkd_status relay_boot_check(const struct config *config, char *out_version, jwkd_error *error)
{
    static struct places places; /* its paths would make a large frame */
    TRY(places_list(config, &places, error));
    struct relay_options options = options_of(config, &places);
    return relay_check(&options, out_version, error);
}
