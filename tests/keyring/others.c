#include "keyring/others.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include "store/scratch.h"

#include <cmocka.h> /* last: it has a macro named fail */

struct others {
    struct scratch *scratch;
    pthread_mutex_t opening; /* guards the next two */
    struct engine_opened lmdb;
    unsigned users;
    const struct engine_limits *limits;
    pthread_mutex_t applying; /* held across LMDB's apply, which wants one thread at a time */
    pthread_mutex_t lock;     /* guards all below */
    const char *prefix;
    void (*intrude)(void *context);
    void *context;
    unsigned times, gets;
    bool intruding, damaged;
};

static jwkd_status open_shared(
    const struct engine_opening *opening, struct engine_opened *out, jwkd_error *error)
{
    struct others *others = (struct others *)(uintptr_t)opening->place;
    struct engine_opening inner = *opening;
    jwkd_status status = JWKD_OK;
    inner.place = &others->scratch->place;
    pthread_mutex_lock(&others->opening);
    if (others->users == 0) status = LMDB_ENGINE.open(&inner, &others->lmdb, error);
    if (status == JWKD_OK) others->users++;
    pthread_mutex_unlock(&others->opening);
    *out = others->lmdb;
    out->engine = others;
    if (others->limits) out->limits = *others->limits;
    return status;
}

static jwkd_status check_shared(const struct engine_opening *opening, uint64_t *out_rows, jwkd_error *error)
{
    const struct others *others = opening->place;
    struct engine_opening inner = *opening;
    inner.place = &others->scratch->place;
    return LMDB_ENGINE.check(&inner, out_rows, error);
}

static enum store_presence look_shared(const void *place)
{
    const struct others *others = place;
    return LMDB_ENGINE.look(&others->scratch->place);
}

static jwkd_status get_shared(
    void *engine, const struct bytes *keys, size_t count, engine_visit *visit, void *context)
{
    struct others *others = engine;
    pthread_mutex_lock(&others->lock);
    others->gets++;
    bool damaged = others->damaged && count > 1 && keys[0].size > 7 && !memcmp(keys[0].data, "answer/", 7);
    pthread_mutex_unlock(&others->lock);
    if (damaged) return JWKD_CORRUPT;
    return LMDB_ENGINE.get(others->lmdb.engine, keys, count, visit, context);
}

static jwkd_status list_shared(
    void *engine, struct bytes prefix, struct bytes after, engine_visit *visit, void *context)
{
    struct others *others = engine;
    return LMDB_ENGINE.list(others->lmdb.engine, prefix, after, visit, context);
}

static bool is_of(const struct engine_change *changes, size_t count, const char *prefix)
{
    size_t size = strlen(prefix);
    for (size_t i = 0; i < count; i++)
        if (changes[i].key.size >= size && memcmp(changes[i].key.data, prefix, size) == 0) return true;
    return false;
}

static void intrude(struct others *others, const struct engine_change *changes, size_t count)
{
    pthread_mutex_lock(&others->lock);
    bool due = others->times && !others->intruding && is_of(changes, count, others->prefix);
    if (due) {
        others->times--;
        others->intruding = true;
    }
    pthread_mutex_unlock(&others->lock);
    if (!due) return;
    others->intrude(others->context);
    pthread_mutex_lock(&others->lock);
    others->intruding = false;
    pthread_mutex_unlock(&others->lock);
}

static jwkd_status apply_shared(void *engine, struct bytes guard, const struct engine_change *changes,
    size_t count, bool urgent, jwkd_error *error)
{
    struct others *others = engine;
    intrude(others, changes, count);
    pthread_mutex_lock(&others->applying);
    jwkd_status status = LMDB_ENGINE.apply(others->lmdb.engine, guard, changes, count, urgent, error);
    pthread_mutex_unlock(&others->applying);
    return status;
}

static void close_shared(void *engine)
{
    struct others *others = engine;
    pthread_mutex_lock(&others->opening);
    if (--others->users == 0) LMDB_ENGINE.close(others->lmdb.engine);
    pthread_mutex_unlock(&others->opening);
}

/* No notes: they are only for an engine that has a single writer. */
static const struct engine_ops SHARED = {.version = ENGINE_VERSION,
    .open = open_shared,
    .check = check_shared,
    .look = look_shared,
    .get = get_shared,
    .list = list_shared,
    .apply = apply_shared,
    .close = close_shared};

struct others *others_new(const struct engine_limits *limits)
{
    struct others *others = calloc(1, sizeof *others);
    assert_non_null(others);
    others->scratch = scratch_new();
    others->limits = limits;
    pthread_mutex_init(&others->opening, NULL);
    pthread_mutex_init(&others->applying, NULL);
    pthread_mutex_init(&others->lock, NULL);
    return others;
}

void others_free(struct others *others)
{
    assert_int_equal(others->users, 0);
    scratch_free(others->scratch);
    pthread_mutex_destroy(&others->opening);
    pthread_mutex_destroy(&others->applying);
    pthread_mutex_destroy(&others->lock);
    free(others);
}

struct store *others_open(struct others *others)
{
    struct store_options options = others->scratch->options;
    struct store *store = NULL;
    jwkd_error error = {0};
    options.engine = &SHARED;
    options.place = others;
    if (store_open(&options, &store, &error) != JWKD_OK) fail_msg("%s", error.message);
    return store;
}

void others_intrude(
    struct others *others, const char *prefix, unsigned times, void (*intruder)(void *context), void *context)
{
    pthread_mutex_lock(&others->lock);
    others->prefix = prefix;
    others->times = times;
    others->intrude = intruder;
    others->context = context;
    pthread_mutex_unlock(&others->lock);
}

void others_damage_answers(struct others *others, bool damaged)
{
    pthread_mutex_lock(&others->lock);
    others->damaged = damaged;
    pthread_mutex_unlock(&others->lock);
}

unsigned others_gets(struct others *others)
{
    pthread_mutex_lock(&others->lock);
    unsigned gets = others->gets;
    pthread_mutex_unlock(&others->lock);
    return gets;
}
