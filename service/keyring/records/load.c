#include "keyring/records/load.h"

#include <stdio.h>

#include "base/clock.h"
#include "keyring/age.h"
#include "keyring/records/rows.h"

/* Environments while they are read, in order of name. */
struct loader {
    struct keyring *keyring;
    struct loaded *out;
    size_t capacity;
    struct ring_environment **by_id; /* the same, in order of id */
    jwkd_status status;
    char row[ROW_KEY_SIZE]; /* the row that could not be loaded */
};

static bool load_failed(struct loader *loader, jwkd_status status, const struct store_row *row)
{
    loader->status = status;
    snprintf(loader->row, sizeof loader->row, "%.*s", (int)row->key.size, (const char *)row->key.data);
    return false;
}

static bool load_environment(void *context, const struct store_row *row)
{
    struct loader *loader = context;
    if (loader->out->count == loader->capacity) {
        size_t capacity = loader->capacity ? loader->capacity * 2 : 64;
        struct ring_environment **grown = realloc(loader->out->environments, capacity * sizeof *grown);
        if (!grown) return load_failed(loader, JWKD_NO_MEMORY, row);
        loader->out->environments = grown;
        loader->capacity = capacity;
    }
    jwkd_status status = rows_read_environment(row, &loader->out->environments[loader->out->count]);
    if (status != JWKD_OK) return load_failed(loader, status, row);
    loader->out->count++;
    return true;
}

static int compare_ids(const void *a, const void *b)
{
    const struct ring_environment *const *x = a, *const *y = b;
    return (*x)->id < (*y)->id ? -1 : (*x)->id > (*y)->id;
}

static struct ring_environment *find_owner(const struct loader *loader, uint64_t id)
{
    struct ring_environment wanted = {.id = id}, *pointer = &wanted;
    struct ring_environment **found =
        bsearch(&pointer, loader->by_id, loader->out->count, sizeof *loader->by_id, compare_ids);
    return found ? *found : NULL;
}

static bool load_key(void *context, const struct store_row *row)
{
    struct loader *loader = context;
    char owner[17] = {0};
    if (row->key.size < strlen("key/") + 17) return load_failed(loader, JWKD_CORRUPT, row);
    memcpy(owner, row->key.data + strlen("key/"), 16);
    struct ring_environment *environment = find_owner(loader, strtoull(owner, NULL, 16));
    if (!environment) return load_failed(loader, JWKD_CORRUPT, row);
    struct ring_key *key;
    bool primary;
    jwkd_status status = rows_read_key(row, &key, &primary);
    if (status != JWKD_OK) return load_failed(loader, status, row);
    status = ring_environment_add(environment, key);
    if (status != JWKD_OK) return load_failed(loader, status, row);
    if (primary) environment->primary = (int)environment->count - 1;
    return true;
}

/* the row's name is ceiling/OWNER/KID */
static bool load_ceiling(void *context, const struct store_row *row)
{
    struct loader *loader = context;
    const size_t head = strlen("ceiling/") + 17;
    char owner[17] = {0}, kid[LIMIT_KID + 1] = {0};
    if (row->key.size <= head || row->key.size - head > LIMIT_KID)
        return load_failed(loader, JWKD_CORRUPT, row);
    memcpy(owner, row->key.data + strlen("ceiling/"), 16);
    memcpy(kid, row->key.data + head, row->key.size - head);
    struct ring_environment *environment = find_owner(loader, strtoull(owner, NULL, 16));
    int index = environment ? ring_environment_find(environment, kid) : -1;
    struct reach ceiling;
    jwkd_status status = index < 0 ? JWKD_CORRUPT : rows_read_ceiling(row, &ceiling);
    if (status != JWKD_OK) return load_failed(loader, status, row);
    const struct ring_key *key = environment->keys[index];
    /* A version that does not know the age left it at 0, or left an old one that is out of date. Then the
     * ceiling reaches as far as a new one would. */
    int64_t longest = ring_key_longest_lifetime(environment, key);
    int64_t furthest = age_sec(loader->keyring) + longest + key_usage_step((uint32_t)longest);
    if (ceiling.age == 0 || ceiling.age > furthest) ceiling.age = furthest;
    reach_raise(&key->usage->ceiling, ceiling);
    reach_raise(&key->usage->last, ceiling);
    return true;
}

/* Rows come in order of kid; the model wants them oldest first. */
static void sort_keys(struct ring_environment *environment)
{
    struct ring_key *primary = environment->primary < 0 ? NULL : environment->keys[environment->primary];
    for (size_t i = 1; i < environment->count; i++) {
        struct ring_key *key = environment->keys[i];
        size_t j = i;
        for (; j > 0 && environment->keys[j - 1]->born > key->born; j--)
            environment->keys[j] = environment->keys[j - 1];
        environment->keys[j] = key;
    }
    for (size_t i = 0; i < environment->count; i++)
        if (environment->keys[i] == primary) environment->primary = (int)i;
}

static bool load_ready_key(void *context, const struct store_row *row)
{
    struct loader *loader = context;
    struct ready_key *key;
    jwkd_status status = rows_read_ready_key(row, &key);
    if (status == JWKD_UNSUPPORTED) return true; /* made by a newer OpenSSL: leave it alone */
    if (status != JWKD_OK) return load_failed(loader, status, row);
    key->next = loader->out->ready;
    loader->out->ready = key;
    return true;
}

static jwkd_status read_work(const struct store_row *row, struct pending **out)
{
    CLEANUP(arena_clear) struct arena arena = {0}, inner = {0};
    ProtobufCMessage *message;
    TRY(wire_unpack(&jwkd__row__work__descriptor, row->value, &arena, &message));
    const Jwkd__Row__Work *work = (const Jwkd__Row__Work *)message;
    TRY(wire_unpack(&jwkd__v1__request__descriptor, wire_view(work->request), &inner, &message));
    const Jwkd__V1__Request *request = (const Jwkd__V1__Request *)message;
    if (request->operation_case != JWKD__V1__REQUEST__OPERATION_GENERATE &&
        request->operation_case != JWKD__V1__REQUEST__OPERATION_ROTATE)
        return JWKD_CORRUPT;
    uint8_t digest[OPERATION_DIGEST_SIZE];
    if (work->digest.len == sizeof digest)
        memcpy(digest, work->digest.data, sizeof digest);
    else
        TRY(operation_digest(request, digest)); /* the version that wrote it did not keep the digest */
    return pending_new(request, work->principal, digest, work->environment_id, out);
}

static bool load_work(void *context, const struct store_row *row)
{
    struct loader *loader = context;
    struct pending *pending;
    jwkd_status status = read_work(row, &pending);
    if (status != JWKD_OK) return load_failed(loader, status == JWKD_NO_MEMORY ? status : JWKD_CORRUPT, row);
    pending->next = loader->out->pending;
    loader->out->pending = pending;
    return true;
}

static jwkd_status load_all_of(
    struct loader *loader, const char *prefix, store_visit *visit, jwkd_error *error)
{
    jwkd_status status =
        store_list(loader->keyring->options.store, bytes_of_text(prefix), (struct bytes){0}, visit, loader);
    if (status == JWKD_OK) status = loader->status;
    if (status == JWKD_OK) return JWKD_OK;
    return fail(error, status, "the row \"%.150s\" cannot be read: %s", loader->row[0] ? loader->row : prefix,
        jwkd_status_text(status));
}

static jwkd_status finish(struct loader *loader, jwkd_error *error)
{
    const struct keyring *keyring = loader->keyring;
    int64_t now = clock_wall_sec();
    /* It is further only if a version that does not know the age left it so. */
    int64_t furthest = age_sec(keyring) + LIMIT_JWKS_MAX_AGE_SEC + RING_COMMIT_SEC;
    for (size_t i = 0; i < loader->out->count; i++) {
        struct ring_environment *environment = loader->out->environments[i];
        const struct key_type *type;
        sort_keys(environment);
        if (environment->jwks_kept_until > furthest) environment->jwks_kept_until = furthest;
        /* It is later only if a wall clock that was ahead gave it. */
        int64_t latest = now + environment->settings.rotate_every_sec;
        if (environment->rotate_at > latest) environment->rotate_at = latest;
        environment->promotion.published_ns = clock_elapsed_ns();
        TRY(ring_environment_finish(environment, now, error));
        if (alg_key_type(environment->settings.default_alg, environment->settings.default_bits, &type) ==
            JWKD_OK)
            reserve_use(keyring->reserve, type);
    }
    return JWKD_OK;
}

static jwkd_status load_all(struct loader *loader, jwkd_error *error)
{
    TRY(load_all_of(loader, "env/", load_environment, error));
    loader->by_id = calloc(loader->out->count + 1, sizeof *loader->by_id);
    if (!loader->by_id) return fail(error, JWKD_NO_MEMORY, "out of memory");
    if (loader->out->count)
        memcpy(loader->by_id, loader->out->environments, loader->out->count * sizeof *loader->by_id);
    qsort(loader->by_id, loader->out->count, sizeof *loader->by_id, compare_ids);
    TRY(load_all_of(loader, "key/", load_key, error));
    TRY(load_all_of(loader, "ceiling/", load_ceiling, error));
    TRY(load_all_of(loader, ROW_RESERVE, load_ready_key, error));
    TRY(load_all_of(loader, "work/", load_work, error));
    TRY(access_rows_load(loader->keyring, &loader->out->access, &loader->out->book, error));
    return finish(loader, error);
}

jwkd_status load_rows(struct keyring *keyring, struct loaded *out, jwkd_error *error)
{
    struct loader loader = {.keyring = keyring, .out = out};
    jwkd_status status = load_all(&loader, error);
    free(loader.by_id);
    return status;
}

void loaded_clear(struct loaded *loaded)
{
    for (size_t i = 0; i < loaded->count; i++)
        ring_environment_unref(loaded->environments[i]);
    free(loaded->environments);
    pending_free_all(loaded->pending);
    book_unref(loaded->book);
    for (struct ready_key *key = loaded->ready, *next; key; key = next) {
        next = key->next;
        ready_key_free(key);
    }
}

void loaded_give_ready(struct loaded *loaded, struct reserve *reserve)
{
    for (struct ready_key *key = loaded->ready, *next; key; key = next) {
        next = key->next;
        reserve_put(reserve, key);
    }
    loaded->ready = NULL;
}
