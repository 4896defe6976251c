#include "client/lease_world.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/clock.h"

enum { RENEW_MS = 60000, REGISTERED_MS = 120000, KEPT_MS = 180000 };

static uint64_t run_clock(uint64_t base_ns, int64_t ppm, uint64_t now_ns)
{
    return base_ns + now_ns + (uint64_t)((int64_t)now_ns / 1000000 * ppm);
}

static uint64_t service_ns(const struct world *world)
{
    return run_clock(world->service.base_ns, world->service.ppm, world->now_ns);
}

uint64_t world_client_ns(const struct world *world, size_t client)
{
    return run_clock(world->clients[client].base_ns, world->clients[client].ppm, world->now_ns);
}

static uint64_t horizon_ns(const struct world *world)
{
    return world->max_lease_ms * MS + world->max_lease_ms * MS / 1000;
}

static void fill_id(uint8_t out[16], uint8_t value)
{
    memset(out, value, 16);
}

static struct identity identity_of(uint8_t epoch, uint64_t environment_id, uint64_t revision)
{
    struct identity identity = {.environment_id = environment_id, .revision = revision};
    fill_id(identity.epoch, epoch);
    return identity;
}

/* ---- the promises */

__attribute__((format(printf, 2, 3))) static void complain(struct world *world, const char *format, ...)
{
    if (*world->complaint) return;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(world->complaint, sizeof world->complaint, format, arguments);
    va_end(arguments);
}

enum lease_freshness world_freshness(const struct world *world, size_t client)
{
    const struct world_client *c = &world->clients[client];
    return lease_freshness(&c->lease, &c->part, world_client_ns(world, client));
}

bool world_accepts(const struct world *world, size_t client, int key)
{
    const struct world_client *c = &world->clients[client];
    return key >= 0 && (c->keys >> key & 1) &&
           world_client_ns(world, client) < lease_judge_until(&c->lease, &c->part);
}

static const struct world_instance *find_instance(const struct world *world, uint8_t id)
{
    for (size_t i = 0; i < WORLD_INSTANCES; i++) {
        const struct world_instance *instance = &world->service.instances[i];
        if (id && instance->id == id && service_ns(world) < instance->renewed_ns + KEPT_MS * MS)
            return instance;
    }
    return NULL;
}

static void check_deactivated(struct world *world, size_t client)
{
    uint64_t lease_ms = lease_length_ms(&world->clients[client].lease, &world->clients[client].part);
    for (int key = 0; key < WORLD_KEYS; key++) {
        uint64_t since_ns = world->deactivated_ns[key];
        if (!since_ns || !world_accepts(world, client, key)) continue;
        if (world->now_ns - since_ns > lease_ms * MS + lease_ms * MS / 1000)
            complain(world, "client %zu accepts key %d, deactivated %llu ms ago", client, key,
                (unsigned long long)((world->now_ns - since_ns) / MS));
    }
}

static void check_fresh(struct world *world, size_t client)
{
    const struct world_client *c = &world->clients[client];
    const struct world_service *service = &world->service;
    if (world_freshness(world, client) != LEASE_FRESH) return;
    if (service->store.primary >= 0 && world->now_ns >= service->unwaited_until_ns &&
        !world_accepts(world, client, service->store.primary))
        complain(world, "client %zu is fresh and refuses the primary key %d", client, service->store.primary);
    struct lease copy = c->lease;
    enum lease_task task = lease_next(&copy, world_client_ns(world, client)).task;
    if (task == LEASE_TAKE || task == LEASE_HELLO)
        complain(world, "client %zu is fresh and asks (%d)", client, (int)task);
    uint8_t boot[16];
    fill_id(boot, service->boot);
    if (memcmp(c->lease.boot_id, boot, sizeof boot) == 0 && !find_instance(world, c->lease.instance_id[0]))
        complain(world, "client %zu is fresh, and the service does not know it", client);
}

static void check(struct world *world)
{
    for (size_t i = 0; i < world->client_count; i++) {
        check_deactivated(world, i);
        check_fresh(world, i);
    }
}

/* ---- the service */

static void publish_message(struct world *world, const struct world_message *message)
{
    for (size_t i = 0; i < world->client_count; i++) {
        struct world_client *c = &world->clients[i];
        if (c->lease.connected && c->queued < WORLD_QUEUE) c->queue[c->queued++] = *message;
    }
}

static void commit(struct world *world)
{
    struct world_store *store = &world->service.store;
    store->revision++;
    store->changed_at = ++store->service_revision;
    publish_message(world, &(struct world_message){.boot = world->service.boot,
                               .epoch = world->service.epoch,
                               .environment_id = store->environment_id,
                               .revision = store->revision,
                               .previous_revision = store->revision - 1,
                               .service_revision = store->service_revision,
                               .keys = store->keys});
}

static bool everybody_confirmed(const struct world *world)
{
    const struct world_service *service = &world->service;
    if (!service->knows_all_from_start && service_ns(world) < service->started_ns + horizon_ns(world))
        return false;
    for (size_t i = 0; i < WORLD_INSTANCES; i++) {
        const struct world_instance *instance = find_instance(world, service->instances[i].id);
        if (instance && instance->follows && instance->environment_id == service->store.environment_id &&
            instance->confirmed < service->store.pending_revision)
            return false;
    }
    return true;
}

static void promote(struct world *world)
{
    struct world_store *store = &world->service.store;
    store->primary = store->pending;
    store->established |= UINT32_C(1) << store->pending;
    store->pending = -1;
    commit(world);
}

/* Does not wait for subscribers: for a lease, a fresh client may not have heard of the key. */
static void promote_unwaited(struct world *world)
{
    promote(world);
    world->service.unwaited_until_ns = world->now_ns + 2 * horizon_ns(world);
}

static void promote_if_due(struct world *world)
{
    struct world_service *service = &world->service;
    struct world_store *store = &service->store;
    if (store->pending < 0) return;
    uint64_t most_ns = service->hasty ? 2000 * MS : horizon_ns(world);
    if (!everybody_confirmed(world) && service_ns(world) < service->pending_ns + most_ns) return;
    promote(world);
}

static void settle_step(struct world *world)
{
    promote_if_due(world);
    check(world);
}

void world_pass(struct world *world, uint64_t ns)
{
    world->now_ns += ns;
    settle_step(world);
}

void world_publish(struct world *world)
{
    struct world_service *service = &world->service;
    struct world_store *store = &service->store;
    if (world->keys_made == WORLD_KEYS || store->pending >= 0) return;
    store->pending = (int)world->keys_made++;
    store->keys |= UINT32_C(1) << store->pending;
    commit(world);
    store->pending_revision = store->revision;
    service->pending_ns = service_ns(world);
    if (!store->established) promote_unwaited(world); /* nothing was signed before it */
    settle_step(world);
}

static int pick_key(const struct world_store *store, bool primary)
{
    if (primary) return store->primary;
    for (int key = 0; key < WORLD_KEYS; key++)
        if ((store->keys >> key & 1) && key != store->primary) return key;
    return -1;
}

void world_deactivate(struct world *world, bool primary)
{
    struct world_store *store = &world->service.store;
    int key = pick_key(store, primary);
    if (key < 0) return;
    store->keys &= ~(UINT32_C(1) << key);
    if (store->pending == key) store->pending = -1;
    if (store->primary == key) {
        store->primary = -1;
        for (int other = 0; other < WORLD_KEYS; other++)
            if (store->keys & store->established & (UINT32_C(1) << other)) store->primary = other;
    }
    world->deactivated_ns[key] = world->now_ns;
    commit(world);
    settle_step(world);
}

static void deactivate_all_but(struct world *world, uint32_t keys)
{
    for (int key = 0; key < WORLD_KEYS; key++)
        if ((world->service.store.keys & ~keys) >> key & 1) world->deactivated_ns[key] = world->now_ns;
}

void world_recreate(struct world *world)
{
    struct world_store *store = &world->service.store;
    deactivate_all_but(world, 0);
    store->keys = store->established = 0;
    store->primary = store->pending = -1;
    commit(world);
    store->environment_id++;
    store->revision = 0;
    commit(world);
    world->service.unwaited_until_ns =
        world->now_ns + 2 * horizon_ns(world); /* no client follows the new environment yet */
    settle_step(world);
}

void world_change_others(struct world *world, unsigned count)
{
    world->service.store.service_revision += count;
    settle_step(world);
}

static void start(struct world *world)
{
    struct world_service *service = &world->service;
    service->boot++;
    service->base_ns += 12345 * NS_PER_SEC; /* another machine, perhaps */
    service->started_ns = service->pending_ns = service_ns(world);
    service->covers_from = service->store.service_revision;
    service->beat_begun = service->knows_all_from_start = false;
    memset(service->instances, 0, sizeof service->instances);
    for (size_t i = 0; i < world->client_count; i++) {
        world_disconnect(world, i);
        world_fail(world, i);
    }
}

void world_restart(struct world *world)
{
    start(world);
    settle_step(world);
}

void world_back_up(struct world *world)
{
    world->service.backup = world->service.store;
}

/* What was changed since is undone: keys live again, others were never made. */
void world_restore(struct world *world)
{
    struct world_service *service = &world->service;
    deactivate_all_but(world, service->backup.keys);
    service->store = service->backup;
    for (int key = 0; key < WORLD_KEYS; key++)
        if (service->store.keys >> key & 1) world->deactivated_ns[key] = 0;
    service->epoch++;
    service->unwaited_until_ns = world->now_ns + 2 * horizon_ns(world);
    start(world);
    settle_step(world);
}

static void read_revisions(const struct world *world, struct world_message *beat)
{
    const struct world_service *service = &world->service;
    const struct world_store *store = &service->store;
    uint64_t covers_from =
        store->service_revision > WORLD_RECENT ? store->service_revision - WORLD_RECENT : 0;
    if (covers_from < service->covers_from) covers_from = service->covers_from;
    *beat = (struct world_message){.heartbeat = true,
        .boot = service->boot,
        .epoch = service->epoch,
        .environment_id = store->environment_id,
        .revision = store->revision,
        .service_revision = store->service_revision,
        .covers_from = covers_from,
        .listed = store->changed_at > covers_from};
}

void world_begin_beat(struct world *world)
{
    struct world_service *service = &world->service;
    service->beat_begun = true;
    service->beat_stamp_ns = service_ns(world);
    if (service->stamps_last) read_revisions(world, &service->beat);
    settle_step(world);
}

void world_end_beat(struct world *world)
{
    struct world_service *service = &world->service;
    if (!service->beat_begun) return;
    service->beat_begun = false;
    if (service->stamps_last)
        service->beat_stamp_ns = service_ns(world);
    else
        read_revisions(world, &service->beat);
    service->beat.stamp_ns = service->beat_stamp_ns;
    publish_message(world, &service->beat);
    settle_step(world);
}

void world_beat(struct world *world)
{
    world_begin_beat(world);
    world_end_beat(world);
}

/* ---- the event stream */

void world_connect(struct world *world, size_t client)
{
    struct world_client *c = &world->clients[client];
    if (!c->lease.connected) lease_connected(&c->lease, world_client_ns(world, client));
    settle_step(world);
}

void world_disconnect(struct world *world, size_t client)
{
    struct world_client *c = &world->clients[client];
    c->queued = 0;
    lease_disconnected(&c->lease);
}

static void hear_heartbeat(struct world *world, size_t client, const struct world_message *message)
{
    uint8_t boot[16], epoch[16];
    fill_id(boot, message->boot);
    fill_id(epoch, message->epoch);
    Jwkd__V1__State state = JWKD__V1__STATE__INIT;
    Jwkd__V1__Heartbeat__Item item = JWKD__V1__HEARTBEAT__ITEM__INIT, *items[] = {&item};
    Jwkd__V1__Heartbeat heartbeat = JWKD__V1__HEARTBEAT__INIT;
    state.epoch = heartbeat.epoch = wire_bytes(bytes_of(epoch, sizeof epoch));
    state.environment_id = message->environment_id;
    state.revision = message->revision;
    item.environment = wire_text(WORLD_ENVIRONMENT);
    item.state = &state;
    heartbeat.boot_id = wire_bytes(bytes_of(boot, sizeof boot));
    heartbeat.stamp_ns = message->stamp_ns;
    heartbeat.service_revision = message->service_revision;
    heartbeat.covers_from = message->covers_from;
    heartbeat.changed = items;
    heartbeat.n_changed = message->listed;
    lease_hear_heartbeat(&world->clients[client].lease, &heartbeat, world_client_ns(world, client));
}

/* As client/lib/verifier.c does. */
static void hear_event(struct world *world, size_t client, const struct world_message *message)
{
    struct world_client *c = &world->clients[client];
    uint8_t boot[16];
    fill_id(boot, message->boot);
    lease_hear_boot(&c->lease, bytes_of(boot, sizeof boot), world_client_ns(world, client));
    struct identity identity = identity_of(message->epoch, message->environment_id, message->revision);
    bool comparable = c->part.identified && c->part.exists && identity_comparable(&c->part.held, &identity);
    if (comparable && identity.revision <= c->part.held.revision) return;
    if (!comparable || message->previous_revision != c->part.held.revision) {
        lease_miss(&c->lease, &c->part, &identity, world_client_ns(world, client));
        return;
    }
    c->keys = message->keys;
    lease_follow(
        &c->lease, &c->part, &identity, true, message->service_revision, world_client_ns(world, client));
}

void world_deliver(struct world *world, size_t client)
{
    struct world_client *c = &world->clients[client];
    if (c->queued == 0) return;
    struct world_message message = c->queue[0];
    world_lose(world, client);
    if (message.heartbeat)
        hear_heartbeat(world, client, &message);
    else
        hear_event(world, client, &message);
    settle_step(world);
}

void world_lose(struct world *world, size_t client)
{
    struct world_client *c = &world->clients[client];
    if (c->queued > 0) memmove(c->queue, c->queue + 1, --c->queued * sizeof *c->queue);
}

void world_repeat(struct world *world, size_t client)
{
    struct world_client *c = &world->clients[client];
    if (c->queued == 0 || c->queued == WORLD_QUEUE) return;
    c->queue[c->queued] = c->queue[0];
    c->queued++;
}

void world_reorder(struct world *world, size_t client)
{
    struct world_client *c = &world->clients[client];
    if (c->queued < 2) return;
    struct world_message first = c->queue[0];
    c->queue[0] = c->queue[1];
    c->queue[1] = first;
}

/* ---- requests */

bool world_ask(struct world *world, size_t client)
{
    struct world_client *c = &world->clients[client];
    struct lease_next next = lease_next(&c->lease, world_client_ns(world, client));
    if (next.task == LEASE_WAIT) return false;
    if (c->call.stage != CALL_NONE) complain(world, "client %zu has two requests in flight", client);
    lease_ask(&c->lease, &next);
    c->call = (struct world_call){.stage = CALL_SENT,
        .task = next.task,
        .sent_ns = world_client_ns(world, client),
        .sequence = c->lease.sequence,
        .instance = c->lease.has_instance ? c->lease.instance_id[0] : 0,
        .holds = c->part.member && c->part.exists,
        .held_environment_id = c->part.held.environment_id,
        .held_epoch = c->part.held.epoch[0],
        .held_revision = c->part.held.revision};
    settle_step(world);
    return true;
}

static struct world_instance *instance_for_hello(struct world *world, uint8_t id)
{
    struct world_service *service = &world->service;
    struct world_instance *place = NULL;
    for (size_t i = 0; i < WORLD_INSTANCES; i++) {
        struct world_instance *instance = &service->instances[i];
        bool live = find_instance(world, instance->id) != NULL;
        if (live && instance->id == id) return instance;
        if (!live && !place) place = instance;
    }
    if (!place) place = &service->instances[0]; /* never with so few clients */
    *place = (struct world_instance){.id = ++service->ids};
    if (service->ids == UINT8_MAX) service->ids = 0;
    return place;
}

static void answer_instance(struct world *world, struct world_call *call, struct world_instance *instance)
{
    const struct world_store *store = &world->service.store;
    bool newer = call->sequence > instance->sequence;
    if (newer) instance->sequence = call->sequence;
    if (call->task == LEASE_TAKE && newer) {
        if (!instance->follows || instance->environment_id != store->environment_id) instance->confirmed = 0;
        instance->follows = true;
        instance->environment_id = store->environment_id;
    }
    if (call->task != LEASE_RENEW) return;
    instance->renewed_ns = service_ns(world);
    if (!newer) return;
    instance->follows = call->holds && call->held_epoch == world->service.epoch;
    instance->environment_id = call->held_environment_id;
    instance->confirmed = call->held_revision;
}

void world_answer(struct world *world, size_t client)
{
    struct world_call *call = &world->clients[client].call;
    const struct world_store *store = &world->service.store;
    if (call->stage != CALL_SENT) return;
    call->stage = CALL_DONE;
    call->clock_ns = service_ns(world);
    call->boot = world->service.boot;
    call->epoch = world->service.epoch;
    call->environment_id = store->environment_id;
    call->revision = store->revision;
    call->service_revision = store->service_revision;
    call->keys = store->keys;
    if (call->task == LEASE_HELLO) {
        struct world_instance *instance = instance_for_hello(world, call->instance);
        instance->renewed_ns = service_ns(world);
        call->welcome = instance->id;
    } else {
        struct world_instance *instance = NULL;
        for (size_t i = 0; i < WORLD_INSTANCES; i++)
            if (find_instance(world, call->instance) == &world->service.instances[i])
                instance = &world->service.instances[i];
        call->refused = !instance;
        if (instance) answer_instance(world, call, instance);
    }
    settle_step(world);
}

static void receive_welcome(struct world *world, size_t client, const struct world_call *call)
{
    struct world_client *c = &world->clients[client];
    uint8_t boot[16], instance[16];
    fill_id(boot, call->boot);
    fill_id(instance, call->welcome);
    Jwkd__V1__HelloReply hello = JWKD__V1__HELLO_REPLY__INIT;
    hello.boot_id = wire_bytes(bytes_of(boot, sizeof boot));
    hello.instance_id = wire_bytes(bytes_of(instance, sizeof instance));
    hello.clock_ns = call->clock_ns;
    hello.service_revision = call->service_revision;
    hello.lease_ms = world->max_lease_ms;
    hello.renew_ms = RENEW_MS;
    hello.registered_ms = REGISTERED_MS;
    hello.spread_ms = WORLD_SPREAD_MS;
    if (lease_welcomed(&c->lease, &hello, call->sent_ns, world_client_ns(world, client), NULL) != JWKD_OK)
        complain(world, "a hello was not understood");
}

/* As client/lib/verifier.c does: never back to an older revision of the same environment. */
static void receive_snapshot(struct world *world, size_t client, const struct world_call *call)
{
    struct world_client *c = &world->clients[client];
    uint64_t now_ns = world_client_ns(world, client);
    struct identity taken = identity_of(call->epoch, call->environment_id, call->revision);
    bool news = !c->part.identified || !identity_comparable(&taken, &c->part.held) ||
                taken.revision > c->part.held.revision;
    if (news) c->keys = call->keys;
    struct identity held = news ? taken : c->part.held;
    lease_hold(&c->lease, &c->part, &held, call->service_revision, now_ns);
    lease_taken(&c->lease, now_ns);
}

static void receive_renewal(struct world *world, size_t client, const struct world_call *call)
{
    Jwkd__V1__RenewReply renewed = JWKD__V1__RENEW_REPLY__INIT;
    renewed.clock_ns = call->clock_ns;
    renewed.spread_ms = WORLD_SPREAD_MS;
    lease_renewed(&world->clients[client].lease, &renewed, call->sent_ns, world_client_ns(world, client));
}

void world_receive(struct world *world, size_t client)
{
    struct world_client *c = &world->clients[client];
    struct world_call call = c->call;
    if (call.stage != CALL_DONE) return;
    c->call.stage = CALL_NONE;
    uint64_t now_ns = world_client_ns(world, client);
    if (call.refused)
        lease_refused(&c->lease, now_ns);
    else if (call.task == LEASE_HELLO)
        receive_welcome(world, client, &call);
    else if (call.task == LEASE_TAKE)
        receive_snapshot(world, client, &call);
    else
        receive_renewal(world, client, &call);
    settle_step(world);
}

void world_fail(struct world *world, size_t client)
{
    struct world_client *c = &world->clients[client];
    if (c->call.stage == CALL_NONE) return;
    c->call.stage = CALL_NONE;
    lease_failed(&c->lease, world_client_ns(world, client));
    settle_step(world);
}

void world_request(struct world *world, size_t client)
{
    if (!world_ask(world, client)) return;
    world_answer(world, client);
    world_receive(world, client);
}

/* ---- making */

void world_init(struct world *world, const struct world_options *options)
{
    *world = (struct world){.now_ns = 1000 * NS_PER_SEC,
        .max_lease_ms = options->max_lease_ms,
        .client_count = options->clients,
        .keys_made = 1};
    struct world_service *service = &world->service;
    service->boot = service->epoch = 1;
    service->ppm = options->service_ppm;
    service->base_ns = 777 * NS_PER_SEC;
    service->started_ns = service_ns(world);
    service->knows_all_from_start = true;
    service->store = (struct world_store){.environment_id = 1,
        .revision = 2,
        .service_revision = 2,
        .changed_at = 2,
        .keys = 1,
        .established = 1,
        .pending = -1};
    service->backup = service->store;
    for (size_t i = 0; i < options->clients; i++) {
        struct world_client *c = &world->clients[i];
        c->base_ns = (i + 1) * 100 * NS_PER_SEC;
        c->ppm = options->client_ppm;
        c->part.environment = WORLD_ENVIRONMENT;
        c->part.wish_ms = options->wish_ms;
        lease_init(&c->lease, i + 1);
        lease_add(&c->lease, &c->part);
    }
}

void world_copy(struct world *to, const struct world *from)
{
    *to = *from;
    for (size_t i = 0; i < to->client_count; i++)
        to->clients[i].lease.parts = &to->clients[i].part;
}

void world_settle(struct world *world)
{
    for (int round = 0; round < 60; round++) {
        world_beat(world);
        for (size_t i = 0; i < world->client_count; i++) {
            world_connect(world, i);
            while (world->clients[i].queued)
                world_deliver(world, i);
            if (world->clients[i].call.stage != CALL_NONE) world_fail(world, i);
            world_request(world, i);
        }
        world_pass(world, 250 * MS);
    }
}
