#include "daemon/boot.h"

#include <inttypes.h>
#include <nng/nng.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/random.h"
#include "daemon/log.h"
#include "daemon/places.h"
#include "daemon/process.h"
#include "daemon/trouble.h"
#include "daemon/vigil.h"
#include "keyring/keyring.h"
#include "operations/hearing.h"
#include "rpc/server.h"
#include "store/lmdb/lmdb.h"

enum {
    THREAD_STACK = 2 * 1024 * 1024,
    SHUTDOWN_SEC = 15,
    DRAIN_MS = 1000,  /* for what was read to be answered: a client waits for longer by default */
    SOCKETS_MS = 500, /* for nng */
};

struct service {
    struct seal *seal;
    struct store *store;
    struct signer *signer;
    struct registry *registry;
    struct keyring *keyring;
    struct publisher *publisher;
    struct door_access access; /* set before anybody connects */
    struct door *door;
    struct rpc_server *rpc;
    struct vigil *vigil;
    struct places places;
    uint8_t boot_id[16];
    char machine_boot[PROCESS_BOOT_NAME], operator[32], own_principal[32];
    bool locked;      /* all memory; */
    bool keys_locked; /* that of unsealed keys */
    bool new_store;   /* made by this start */
};

/* Of the keyring: what its changes meet. */
static void on_trouble(void *context, jwkd_status status, const char *message)
{
    const struct service *service = context;
    vigil_heard(service->vigil);
    trouble_log(context, status, message);
}

/* One line a change: what became of which key, or account, token or grant, and who did it. */
static void on_change(void *context, const struct keyring_made *made)
{
    char revision[24];
    (void)context;
    snprintf(revision, sizeof revision, "%" PRIu64, made->revision);
    const char *kid = *made->kid ? "kid" : NULL, *deactivated = *made->deactivated ? "deactivated" : NULL;
    if (*made->subject)
        log_info("access changed", "verb", made->verb, "subject", made->subject, "access_revision", revision,
            "principal", made->principal, *made->environment ? "environment" : NULL, made->environment);
    else if (deactivated)
        log_info("changed", "verb", made->verb, "environment", made->environment, "revision", revision,
            "principal", made->principal, "kid", made->kid, "primary", made->primary_kid, deactivated,
            made->deactivated);
    else
        log_info("changed", "verb", made->verb, "environment", made->environment, "revision", revision,
            "principal", made->principal, kid, made->kid, "primary", made->primary_kid);
}

static bool may_hear(void *context, const char *principal)
{
    const struct service *service = context;
    return hearing_may(service->keyring, &service->access, principal);
}

/* Events stop first: a verifier that is cut off heard nothing later than that. */
static void on_access(void *context)
{
    const struct service *service = context;
    if (!service->publisher) return; /* it is a start, and nobody is connected */
    publisher_review(service->publisher);
    hearing_review(service->keyring, &service->access, service->registry);
}

static void open_secure_heap(struct service *service, const struct config *config)
{
    if (signer_secure_heap((size_t)config->secure_heap_kib * 1024, &service->keys_locked) != JWKD_OK)
        log_warning("no secure heap: unsealed keys are kept in ordinary memory");
    else if (!service->keys_locked)
        log_warning("unsealed keys may be swapped out: raise the limit on locked memory (LimitMEMLOCK=)");
}

/* Where the store is. */
static struct lmdb_place store_place(const struct config *config)
{
    return (struct lmdb_place){
        .directory = config->data, .map_size = (size_t)config->map_size_mib * 1024 * 1024};
}

static jwkd_status store_options(const struct lmdb_place *place, const struct seal *seal, bool create,
    struct store_options *out, jwkd_error *error)
{
    *out = (struct store_options){
        .engine = &LMDB_ENGINE, .place = place, .create = create, .key_id = seal_id(seal)};
    if (seal_derive(seal, "store rows", out->mac_key) != JWKD_OK)
        return fail(error, JWKD_INTERNAL, "the store's key cannot be derived");
    return JWKD_OK;
}

static enum store_presence look_for_store(const struct config *config)
{
    const struct lmdb_place place = store_place(config);
    return store_look(&LMDB_ENGINE, &place);
}

/* A store without its key must not be given a new one: what is sealed in it would be lost without a word. */
static jwkd_status fail_without_key(const struct config *config, jwkd_error *error)
{
    char usual[CONFIG_PATH + 16];
    struct stat info;
    snprintf(usual, sizeof usual, "%s/jwkd.key", config->data);
    if (strcmp(usual, config->key_file) != 0 && stat(usual, &info) == 0)
        return fail(error, JWKD_NOT_FOUND,
            "there is no key-encryption key at %.80s, but one at %.80s: move it there, or leave --key-file "
            "out",
            config->key_file, usual);
    return fail(error, JWKD_NOT_FOUND,
        "the key-encryption key %.80s is missing, and %.60s is sealed under it: put it back, or say where it "
        "is now (--key-file)",
        config->key_file, config->data);
}

/* What stood there before a new store was made. */
struct leftovers {
    bool key, store;
};

static struct leftovers find_leftovers(const struct config *config)
{
    struct stat info;
    return (struct leftovers){
        .key = stat(config->key_file, &info) == 0, .store = look_for_store(config) == STORE_LOST};
}

/* A wrong --data gives a service without keys, and nothing else says so. */
static void tell_new_store(const struct config *config, struct leftovers before)
{
    if (before.store)
        log_warning(
            "a new, empty store was made where another was before: if nobody removed that on purpose, "
            "put it back from its backup",
            "directory", config->data);
    else if (before.key)
        log_warning("a new, empty store was made, and its key-encryption key was there before: if there are "
                    "keys already, --data should name where they are",
            "directory", config->data, "key_file", config->key_file);
    else
        log_info("a new store and its key-encryption key were made: keep a copy of the key", "directory",
            config->data, "key_file", config->key_file);
}

/* Who runs the daemon: to root, who only checks, whoever has the data. */
static uid_t user_of(const struct config *config)
{
    struct stat info;
    return geteuid() == 0 && stat(config->data, &info) == 0 ? info.st_uid : geteuid();
}

static jwkd_status open_seal(
    struct service *service, const struct config *config, bool create, jwkd_error *error)
{
    bool exists = look_for_store(config) == STORE_PRESENT;
    jwkd_status status = create ? seal_open(config->key_file, !exists, &service->seal, error)
                                : seal_open_of(config->key_file, user_of(config), &service->seal, error);
    return status == JWKD_NOT_FOUND && exists ? fail_without_key(config, error) : status;
}

static jwkd_status open_store(struct service *service, const struct config *config, jwkd_error *error)
{
    const struct lmdb_place place = store_place(config);
    struct store_options options;
    TRY(store_options(&place, service->seal, true, &options, error));
    process_pause_locking(service->locked);
    jwkd_status status = store_open(&options, &service->store, error);
    process_resume_locking(service->locked);
    bytes_wipe(options.mac_key, sizeof options.mac_key);
    TRY(status);
    log_info("store open", "directory", config->data);
    return JWKD_OK;
}

/* Nobody can confirm before the keyring is there: requests are taken last. */
static void subscribers_changed(void *context)
{
    const struct service *service = context;
    keyring_subscribers_changed(service->keyring);
}

/* After the store is open: whoever served from it before does so no longer, and its last heartbeat
 * was sent. */
static jwkd_status open_registry(struct service *service, const struct config *config, jwkd_error *error)
{
    struct registry_options options = {.max_lease_ms = (uint32_t)config->max_lease_ms,
        .started_ns = clock_elapsed_ns(),
        .new_store = service->new_store};
    options.on_change = subscribers_changed;
    options.context = service;
    jwkd_status status = registry_new(&options, &service->registry);
    return status == JWKD_OK ? status : fail(error, status, "out of memory");
}

/* What the settings say of callers without a grant; a role that they name is one (config.c). */
static struct door_access access_of(const struct config *config)
{
    struct door_access access = {.insecure_tcp = strcmp(config->insecure_tcp, "yes") == 0};
    access_role_by_name(config->ipc_role, &access.ipc_role);
    access_role_by_name(config->tcp_role, &access.tcp_role);
    if (access.tcp_role != ROLE_NONE)
        log_warning("anybody who can connect over tcp has a role", "tcp_role", config->tcp_role);
    if (access.insecure_tcp) log_warning("API tokens may come over plain tcp, where others can read them");
    return access;
}

static jwkd_status open_keys(
    struct service *service, const struct config *config, const char *version, jwkd_error *error)
{
    struct signer_options signer = {.seal = service->seal, .max_unsealed = (size_t)config->signer_keys};
    TRY(signer_new(&signer, &service->signer, error));
    struct keyring_options keyring = {.store = service->store,
        .signer = service->signer,
        .registry = service->registry,
        .version = version,
        .reserve = (unsigned)config->reserve,
        .memory_locked = service->keys_locked,
        .new_epoch = config->new_epoch,
        .accept_clock = config->accept_clock,
        .operator= service->operator,
        .own_principal = service->own_principal,
        .admin = *config->admin ? config->admin : NULL,
        .on_trouble = on_trouble,
        .on_change = on_change,
        .on_access = on_access,
        .context = service};
    snprintf(service->operator, sizeof service->operator, "uid:%u", (unsigned)getuid());
    snprintf(service->own_principal, sizeof service->own_principal, "uid:%u", (unsigned)geteuid());
    service->access = access_of(config);
    process_machine_boot(service->machine_boot);
    keyring.machine_boot = service->machine_boot;
    memcpy(keyring.boot_id, service->boot_id, sizeof keyring.boot_id);
    return keyring_open(&keyring, &service->keyring, error);
}

static jwkd_status open_sockets(
    struct service *service, const struct config *config, const char *version, jwkd_error *error)
{
    struct places *places = &service->places;
    struct publisher_options events = {.service_revision = keyring_service_revision(service->keyring),
        .heartbeat_ms = (uint32_t)config->heartbeat_ms,
        .urls = places->events_urls,
        .url_count = places->events_count,
        .may_hear = may_hear,
        .may_context = service,
        .on_trouble = trouble_log};
    memcpy(events.boot_id, service->boot_id, sizeof events.boot_id);
    memcpy(events.epoch, keyring_epoch(service->keyring), sizeof events.epoch);
    TRY(publisher_start(&events, &service->publisher, error));
    TRY(keyring_start(service->keyring, service->publisher, error));
    struct door_options door = {.keyring = service->keyring,
        .registry = service->registry,
        .version = version,
        .events_urls = places->events_urls,
        .events_url_count = places->events_count,
        .heartbeat_ms = (uint32_t)config->heartbeat_ms,
        .workers = (unsigned)config->workers,
        .queue = (unsigned)config->queue,
        .access = service->access};
    memcpy(door.boot_id, service->boot_id, sizeof door.boot_id);
    TRY(door_open(&door, &service->door, error));
    const struct rpc_options rpc = {.door = service->door,
        .urls = places->rpc_urls,
        .url_count = places->rpc_count,
        .on_trouble = trouble_log};
    return rpc_start(&rpc, &service->rpc, error);
}

static jwkd_status start(
    struct service *service, const struct config *config, const char *version, jwkd_error *error)
{
    /* Threads are started by libraries too: under locked memory their stacks must not be 8 MiB. */
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, THREAD_STACK);
    pthread_setattr_default_np(&attributes);
    pthread_attr_destroy(&attributes);
    service->locked = process_lock_memory();
    open_secure_heap(service, config); /* before OpenSSL allocates anything */
    if (random_fill(service->boot_id, sizeof service->boot_id) != JWKD_OK)
        return fail(error, JWKD_INTERNAL, "no random bytes");
    TRY(places_list(config, &service->places, error));
    TRY(places_make_directory(config->socket_dir, 0750, error));
    service->new_store = look_for_store(config) != STORE_PRESENT;
    if (service->new_store) TRY(places_try(&service->places, error)); /* before a store and a key are made */
    TRY(places_make_directory(config->data, 0700, error));
    struct leftovers before = find_leftovers(config);
    TRY(open_seal(service, config, true, error));
    TRY(open_store(service, config, error)); /* forks: before the first thread */
    if (service->new_store) tell_new_store(config, before);
    TRY(vigil_start(service->store, &service->vigil, error));
    TRY(open_registry(service, config, error));
    TRY(open_keys(service, config, version, error));
    return open_sockets(service, config, version, error);
}

static const char *locked_memory(const struct service *service)
{
    if (service->locked) return "all";
    return service->keys_locked ? "keys" : "none";
}

jwkd_status boot_start(
    const struct config *config, const char *version, struct service **out, jwkd_error *error)
{
    struct service *service = *out = calloc(1, sizeof *service);
    if (!service) return fail(error, JWKD_NO_MEMORY, "out of memory");
    TRY(start(service, config, version, error));
    log_info("serving", "requests", service->places.rpc_urls[0], "events", service->places.events_urls[0],
        "memory_locked", locked_memory(service));
    return JWKD_OK;
}

static void log_end(size_t unanswered, uint64_t began_ns)
{
    char count[24], took[24];
    snprintf(count, sizeof count, "%zu", unanswered);
    snprintf(took, sizeof took, "%llu", (unsigned long long)((clock_elapsed_ns() - began_ns) / NS_PER_MS));
    if (unanswered > 0)
        log_warning("stopped with requests unanswered, or answers that nobody took", "requests", count,
            "took_ms", took);
    else
        log_info("everything that was asked is answered", "took_ms", took);
}

/* Connections first, so that whoever asks finds nobody, or a successor; what was read is answered, and what
 * was decided is durable, before the events' sockets end, which is nng's and may take for ever. */
void boot_stop(struct service *service, int code)
{
    if (!service) return;
    process_watchdog(SHUTDOWN_SEC);
    const uint64_t began_ns = clock_elapsed_ns();
    size_t unanswered = rpc_drain(service->rpc, DRAIN_MS);
    if (service->keyring) keyring_stop(service->keyring);
    rpc_stop(service->rpc);
    door_close(service->door);
    rpc_free(service->rpc);
    door_free(service->door);
    publisher_close(service->publisher);
    keyring_close(service->keyring);
    registry_free(service->registry);
    signer_free(service->signer);
    vigil_stop(service->vigil);
    store_close(service->store);
    seal_close(service->seal);
    if (code == 0) log_end(unanswered, began_ns);
    process_bound_sockets(SOCKETS_MS, code);
    publisher_stop(service->publisher);
    free(service);
    nng_fini();
}

jwkd_status boot_check(const struct config *config, uint64_t *out_rows, jwkd_error *error)
{
    struct service service = {0};
    TRY(places_list(config, &service.places, error));
    TRY(open_seal(&service, config, false, error));
    const struct lmdb_place place = store_place(config);
    struct store_options options;
    jwkd_status status = store_options(&place, service.seal, false, &options, error);
    if (status == JWKD_OK) status = store_check(&options, out_rows, error);
    bytes_wipe(options.mac_key, sizeof options.mac_key);
    seal_close(service.seal);
    return status;
}
