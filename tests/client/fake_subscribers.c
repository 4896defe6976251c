/* The subscribers that are registered with the fake service, and what each has confirmed. */
#include "client/fake_inside.h"

#include <stdio.h>

struct fake_instance *fake_find_instance(struct fake *fake, struct bytes id)
{
    for (size_t i = 0; i < FAKE_INSTANCES; i++)
        if (fake->instances[i].known && bytes_equal(id, bytes_of(fake->instances[i].id, 16)))
            return &fake->instances[i];
    return NULL;
}

struct fake_instance *fake_register(struct fake *fake, const Jwkd__V1__HelloRequest *hello)
{
    struct fake_instance *instance = fake_find_instance(fake, wire_view(hello->instance_id));
    fake->wish = (struct fake_wish){
        .lease_ms = hello->lease_ms, .serves_stale = hello->serves_stale, .went_on = instance != NULL};
    snprintf(fake->wish.name, sizeof fake->wish.name, "%s", hello->client);
    if (instance) return instance;
    instance = fake->instances;
    while (instance->known)
        MUST(++instance < fake->instances + FAKE_INSTANCES);
    *instance = (struct fake_instance){.known = true};
    fake_random(instance->id, sizeof instance->id);
    return instance;
}

void fake_forget_all(struct fake *fake)
{
    memset(fake->instances, 0, sizeof fake->instances);
}

unsigned fake_subscribers(struct fake *fake)
{
    unsigned count = 0;
    pthread_mutex_lock(&fake->lock);
    for (size_t i = 0; i < FAKE_INSTANCES; i++)
        count += fake->instances[i].known;
    pthread_mutex_unlock(&fake->lock);
    return count;
}

struct fake_wish fake_last_wish(struct fake *fake)
{
    pthread_mutex_lock(&fake->lock);
    struct fake_wish wish = fake->wish;
    pthread_mutex_unlock(&fake->lock);
    return wish;
}

/* How many follow the environment; and of these, have confirmed the revision. */
static unsigned count_followers(
    struct fake *fake, const char *name, uint64_t revision, unsigned *out_confirmed)
{
    const struct fake_environment *e = fake_find(fake, name);
    MUST(e);
    size_t place = (size_t)(e - fake->environments);
    unsigned follow = 0;
    *out_confirmed = 0;
    for (size_t i = 0; i < FAKE_INSTANCES; i++) {
        const struct fake_instance *instance = &fake->instances[i];
        if (!instance->known || !instance->held[place].follows) continue;
        follow++;
        *out_confirmed +=
            instance->held[place].environment_id == e->id && instance->held[place].confirmed >= revision;
    }
    return follow;
}

void fake_await_confirmed(struct fake *fake, const char *name, uint64_t revision)
{
    unsigned confirmed, follow;
    pthread_mutex_lock(&fake->lock);
    while ((follow = count_followers(fake, name, revision, &confirmed)) == 0 || confirmed < follow)
        pthread_cond_wait(&fake->changed, &fake->lock);
    pthread_mutex_unlock(&fake->lock);
}

void fake_await_unfollowed(struct fake *fake, const char *name)
{
    unsigned confirmed;
    pthread_mutex_lock(&fake->lock);
    while (count_followers(fake, name, 0, &confirmed) > 0)
        pthread_cond_wait(&fake->changed, &fake->lock);
    pthread_mutex_unlock(&fake->lock);
}
