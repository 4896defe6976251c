#include "operations/hello.h"

#include "base/clock.h"
#include "net/listen.h"

static jwkd_status list_urls(const struct door_options *options, bool hears, struct reply *reply,
    Jwkd__V1__HelloReply *hello, jwkd_error *error)
{
    hello->events_urls = reply_alloc(reply, (options->events_url_count + 1) * sizeof *hello->events_urls);
    if (!hello->events_urls) return fail(error, JWKD_NO_MEMORY, "out of memory");
    for (size_t i = 0; i < options->events_url_count; i++) {
        char told[URL_SIZE];
        net_told_url(options->events_urls[i], told);
        hello->events_urls[i] = arena_text(&reply->arena, bytes_of_text(told));
        if (!hello->events_urls[i]) return fail(error, JWKD_NO_MEMORY, "out of memory");
    }
    hello->n_events_urls = hears ? options->events_url_count : 0;
    return JWKD_OK;
}

/* The socket can ask only whom the connection belongs to; what the request's caller may is asked here. */
static bool may_hear(const struct door_options *options, const struct caller *caller)
{
    CLEANUP(snapshot_unref_at) struct snapshot *snapshot = keyring_snapshot(options->keyring);
    const struct access_who who = caller_who(caller);
    const struct access_who connection = {.principal = caller->transport_principal,
        .otherwise = credential_role(&options->access, caller->transport_principal, caller->is_local)};
    const struct access_where everywhere = {0};
    return (book_rights(snapshot->book, &who, everywhere) & RIGHT_VERIFY) &&
           (book_rights(snapshot->book, &connection, everywhere) & RIGHT_VERIFY);
}

static jwkd_status enlist(const struct door_options *options, const struct caller *caller,
    const Jwkd__V1__HelloRequest *request, struct reply *reply, Jwkd__V1__HelloReply *hello,
    jwkd_error *error)
{
    const struct registry_wish wish = {.principal = caller->principal,
        .name = request->client,
        .lease_ms = request->lease_ms,
        .serves_stale = request->serves_stale,
        .instance_id = wire_view(request->instance_id)};
    uint8_t *id = reply_alloc(reply, REGISTRY_ID);
    if (!id) return fail(error, JWKD_NO_MEMORY, "out of memory");
    TRY(registry_hello(options->registry, &wish, clock_elapsed_ns(), id, &hello->lease_ms, error));
    hello->instance_id = wire_bytes(bytes_of(id, REGISTRY_ID));
    hello->renew_ms = REGISTRY_RENEW_MS;
    hello->registered_ms = REGISTRY_REGISTERED_MS;
    hello->spread_ms = registry_spread_ms(options->registry);
    return JWKD_OK;
}

jwkd_status hello_answer(const struct door_options *options, const struct caller *caller,
    const Jwkd__V1__HelloRequest *request, struct reply *reply, jwkd_error *error)
{
    Jwkd__V1__HelloReply *hello = reply_alloc(reply, sizeof *hello);
    if (!hello) return fail(error, JWKD_NO_MEMORY, "out of memory");
    *hello = (Jwkd__V1__HelloReply)JWKD__V1__HELLO_REPLY__INIT;
    hello->service_version = wire_text(options->version);
    hello->min_version = hello->max_version = WIRE_VERSION;
    hello->boot_id = wire_bytes(bytes_of(options->boot_id, sizeof options->boot_id));
    hello->epoch = wire_bytes(bytes_of(keyring_epoch(options->keyring), 16));
    hello->heartbeat_ms = options->heartbeat_ms;
    hello->max_lease_ms = registry_max_lease_ms(options->registry);
    hello->principal = wire_text(caller->principal);
    hello->service_revision = keyring_service_revision(options->keyring);
    TRY(list_urls(options, may_hear(options, caller), reply, hello, error));
    if (request->subscribe) TRY(enlist(options, caller, request, reply, hello, error));
    hello->clock_ns = clock_elapsed_ns();
    reply->message.result_case = JWKD__V1__REPLY__RESULT_HELLO;
    reply->message.hello = hello;
    return JWKD_OK;
}
