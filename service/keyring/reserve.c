#include "keyring/reserve.h"

#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <sys/resource.h>
#include <unistd.h>

enum { MAX_TYPES = 16 };

struct shelf {
    const struct key_type *type;
    struct ready_key *first, **last;
    unsigned ready;
    unsigned making;  /* being made by either thread, or delivered and not yet put */
    unsigned urgent;  /* those of them that the maker makes */
    unsigned waiting; /* changes that wait for a key of the type */
    bool in_use;
};

/* A thread of the lowest priority that makes keys for the filler. It takes no lock that other threads take:
 * while it gets no turn it would keep them waiting, the writer among them. */
struct slow_hand {
    pthread_t thread;
    sem_t asked, done;
    const struct key_type *type; /* to be made; NULL: the thread is to end */
    struct ready_key *key;       /* NULL: the key could not be made */
    jwkd_error error;
};

struct reserve {
    struct reserve_options options;
    struct slow_hand slow;
    pthread_mutex_t lock; /* guards all below; not held while a key is made */
    pthread_cond_t wake;
    struct shelf shelves[MAX_TYPES];
    size_t count;
    size_t turn[2]; /* the shelf that the filler, and the maker, look at first */
    _Atomic bool stop;
    bool running;
    pthread_t filler, maker;
};

void ready_key_free(struct ready_key *key)
{
    if (!key) return;
    jwk_unref(key->jwk);
    buffer_clear(&key->sealed);
    free(key);
}

jwkd_status reserve_new(const struct reserve_options *options, struct reserve **out)
{
    struct reserve *reserve = calloc(1, sizeof *reserve);
    if (!reserve) return JWKD_NO_MEMORY;
    reserve->options = *options;
    pthread_mutex_init(&reserve->lock, NULL);
    pthread_cond_init(&reserve->wake, NULL);
    sem_init(&reserve->slow.asked, 0, 0);
    sem_init(&reserve->slow.done, 0, 0);
    *out = reserve;
    return JWKD_OK;
}

/* Key types are static storage: one shelf a pointer. */
static struct shelf *find_shelf(struct reserve *reserve, const struct key_type *type)
{
    for (size_t i = 0; i < reserve->count; i++)
        if (reserve->shelves[i].type == type) return &reserve->shelves[i];
    if (reserve->count == MAX_TYPES) return NULL;
    struct shelf *shelf = &reserve->shelves[reserve->count++];
    *shelf = (struct shelf){.type = type, .last = &shelf->first};
    return shelf;
}

void reserve_use(struct reserve *reserve, const struct key_type *type)
{
    pthread_mutex_lock(&reserve->lock);
    struct shelf *shelf = find_shelf(reserve, type);
    if (shelf && !shelf->in_use) {
        shelf->in_use = true;
        pthread_cond_broadcast(&reserve->wake);
    }
    pthread_mutex_unlock(&reserve->lock);
}

void reserve_forget_demand(struct reserve *reserve)
{
    pthread_mutex_lock(&reserve->lock);
    for (size_t i = 0; i < reserve->count; i++)
        reserve->shelves[i].waiting = 0;
    pthread_mutex_unlock(&reserve->lock);
}

void reserve_demand(struct reserve *reserve, const struct key_type *type, unsigned waiting)
{
    pthread_mutex_lock(&reserve->lock);
    struct shelf *shelf = find_shelf(reserve, type);
    if (shelf) {
        shelf->waiting = waiting;
        pthread_cond_broadcast(&reserve->wake);
    }
    pthread_mutex_unlock(&reserve->lock);
}

struct ready_key *reserve_take(struct reserve *reserve, const struct key_type *type)
{
    pthread_mutex_lock(&reserve->lock);
    struct shelf *shelf = find_shelf(reserve, type);
    struct ready_key *key = shelf ? shelf->first : NULL;
    if (key) {
        shelf->first = key->next;
        if (!shelf->first) shelf->last = &shelf->first;
        shelf->ready--;
        key->next = NULL;
        pthread_cond_broadcast(&reserve->wake);
    }
    pthread_mutex_unlock(&reserve->lock);
    return key;
}

void reserve_put(struct reserve *reserve, struct ready_key *key)
{
    pthread_mutex_lock(&reserve->lock);
    struct shelf *shelf = find_shelf(reserve, key->type);
    if (shelf) {
        if (key->making) shelf->making--;
        if (key->urgent) shelf->urgent--;
        key->making = key->urgent = false;
        key->next = NULL;
        *shelf->last = key;
        shelf->last = &key->next;
        shelf->ready++;
    }
    pthread_mutex_unlock(&reserve->lock);
    if (!shelf) ready_key_free(key);
}

void reserve_clear(struct reserve *reserve)
{
    for (size_t i = 0; i < reserve->count; i++)
        for (struct ready_key *key; (key = reserve_take(reserve, reserve->shelves[i].type));)
            ready_key_free(key);
}

static void drop_stored(struct shelf *shelf)
{
    struct ready_key *key = shelf->first;
    shelf->last = &shelf->first;
    shelf->ready = 0;
    for (struct ready_key *next; key; key = next) {
        next = key->next;
        if (key->stored) {
            ready_key_free(key);
            continue;
        }
        *shelf->last = key;
        shelf->last = &key->next;
        shelf->ready++;
    }
    *shelf->last = NULL;
}

void reserve_drop_stored(struct reserve *reserve)
{
    pthread_mutex_lock(&reserve->lock);
    for (size_t i = 0; i < reserve->count; i++)
        drop_stored(&reserve->shelves[i]);
    pthread_cond_broadcast(&reserve->wake);
    pthread_mutex_unlock(&reserve->lock);
}

/* Whether keys of the shelf's type are missing: for the filler below its level, for the maker below what is
 * waited for. */
static bool is_short(const struct reserve *reserve, const struct shelf *shelf, bool only_waited_for)
{
    /* The maker does not count on the filler's keys: on a busy machine the filler may get no turn. */
    unsigned target = only_waited_for ? shelf->waiting : shelf->in_use ? reserve->options.wanted : 0;
    unsigned coming = only_waited_for ? shelf->urgent : shelf->making;
    return shelf->ready + coming < target;
}

/* Chooses what to make next. The types take turns: otherwise a type that is used up as fast as it is made
 * would leave no turn for the others. */
static struct shelf *next_shelf(struct reserve *reserve, bool only_waited_for)
{
    size_t first = reserve->turn[only_waited_for];
    for (size_t i = 0; i < reserve->count; i++) {
        size_t index = (first + i) % reserve->count;
        if (!is_short(reserve, &reserve->shelves[index], only_waited_for)) continue;
        reserve->turn[only_waited_for] = index + 1;
        return &reserve->shelves[index];
    }
    return NULL;
}

static struct ready_key *make_key(struct reserve *reserve, const struct key_type *type, jwkd_error *error)
{
    struct ready_key *key = calloc(1, sizeof *key);
    if (!key) return NULL;
    key->type = type;
    key->making = true;
    jwkd_status status = signer_generate(reserve->options.signer, type, type->usual, RESERVE_OWNER,
        &reserve->stop, &key->sealed, &key->jwk, error);
    if (status == JWKD_OK) return key;
    ready_key_free(key);
    return NULL;
}

static void await(sem_t *semaphore)
{
    while (sem_wait(semaphore) != 0 && errno == EINTR) {
    }
}

static void *make_slowly(void *argument)
{
    struct reserve *reserve = argument;
    struct slow_hand *slow = &reserve->slow;
    setpriority(PRIO_PROCESS, (id_t)gettid(), 19);
    for (;;) {
        await(&slow->asked);
        if (!slow->type) return NULL;
        slow->error = (jwkd_error){0};
        slow->key = make_key(reserve, slow->type, &slow->error);
        sem_post(&slow->done);
    }
}

/* `type` NULL: the thread is to end. */
static struct ready_key *have_made(struct reserve *reserve, const struct key_type *type, jwkd_error *error)
{
    struct slow_hand *slow = &reserve->slow;
    slow->type = type;
    sem_post(&slow->asked);
    if (!type) return NULL;
    await(&slow->done);
    *error = slow->error;
    return slow->key;
}

static void work(struct reserve *reserve, bool only_waited_for)
{
    pthread_mutex_lock(&reserve->lock);
    while (!reserve->stop) {
        struct shelf *shelf = next_shelf(reserve, only_waited_for);
        if (!shelf) {
            pthread_cond_wait(&reserve->wake, &reserve->lock);
            continue;
        }
        shelf->making++;
        shelf->urgent += only_waited_for;
        const struct key_type *type = shelf->type;
        pthread_mutex_unlock(&reserve->lock);
        jwkd_error error = {0};
        struct ready_key *key =
            only_waited_for ? make_key(reserve, type, &error) : have_made(reserve, type, &error);
        if (key) {
            key->urgent = only_waited_for;
            reserve->options.deliver(reserve->options.context, key);
        } else if (!reserve->stop) {
            reserve->options.on_trouble(reserve->options.context, JWKD_INTERNAL, error.message);
            sleep(1); /* keys cannot be made: wait a little before the next attempt */
        }
        pthread_mutex_lock(&reserve->lock);
        if (!key) {
            shelf->making--;
            shelf->urgent -= only_waited_for;
        }
    }
    pthread_mutex_unlock(&reserve->lock);
}

static void *fill(void *argument)
{
    work(argument, false);
    have_made(argument, NULL, NULL);
    return NULL;
}

static void *make(void *argument)
{
    work(argument, true);
    return NULL;
}

static void stop_filler(struct reserve *reserve)
{
    pthread_mutex_lock(&reserve->lock);
    reserve->stop = true;
    pthread_cond_broadcast(&reserve->wake);
    pthread_mutex_unlock(&reserve->lock);
    pthread_join(reserve->filler, NULL);
    pthread_join(reserve->slow.thread, NULL);
}

jwkd_status reserve_start(struct reserve *reserve)
{
    if (pthread_create(&reserve->slow.thread, NULL, make_slowly, reserve) != 0) return JWKD_NO_MEMORY;
    if (pthread_create(&reserve->filler, NULL, fill, reserve) != 0) {
        have_made(reserve, NULL, NULL);
        pthread_join(reserve->slow.thread, NULL);
        return JWKD_NO_MEMORY;
    }
    if (pthread_create(&reserve->maker, NULL, make, reserve) != 0) {
        stop_filler(reserve);
        return JWKD_NO_MEMORY;
    }
    reserve->running = true;
    return JWKD_OK;
}

void reserve_stop(struct reserve *reserve)
{
    if (!reserve || !reserve->running) return;
    stop_filler(reserve);
    pthread_join(reserve->maker, NULL);
    reserve->running = false;
}

void reserve_free(struct reserve *reserve)
{
    if (!reserve) return;
    for (size_t i = 0; i < reserve->count; i++) {
        for (struct ready_key *key = reserve->shelves[i].first, *next; key; key = next) {
            next = key->next;
            ready_key_free(key);
        }
    }
    sem_destroy(&reserve->slow.asked);
    sem_destroy(&reserve->slow.done);
    pthread_cond_destroy(&reserve->wake);
    pthread_mutex_destroy(&reserve->lock);
    free(reserve);
}

size_t reserve_levels(struct reserve *reserve, struct reserve_level *out, size_t capacity)
{
    size_t count = 0;
    pthread_mutex_lock(&reserve->lock);
    for (size_t i = 0; i < reserve->count && count < capacity; i++)
        if (reserve->shelves[i].in_use)
            out[count++] = (struct reserve_level){.type = reserve->shelves[i].type->name,
                .ready = reserve->shelves[i].ready,
                .wanted = reserve->options.wanted};
    pthread_mutex_unlock(&reserve->lock);
    return count;
}
