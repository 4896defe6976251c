#include "operations/denials.h"

#include <pthread.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/random.h"

struct denials {
    pthread_mutex_t lock; /* guards what follows */
    size_t next;
    struct denial kept[DENIALS_KEPT];
};

struct denials *denials_new(void)
{
    struct denials *denials = calloc(1, sizeof *denials);
    if (denials) pthread_mutex_init(&denials->lock, NULL);
    return denials;
}

void denials_free(struct denials *denials)
{
    if (!denials) return;
    pthread_mutex_destroy(&denials->lock);
    free(denials);
}

static void copy(char *out, size_t size, const char *text)
{
    snprintf(out, size, "%s", text ? text : "");
}

void denials_add(struct denials *denials, const struct caller *caller, const char *operation,
    const char *environment, const char *reason, char out_id[DENIAL_ID + 1])
{
    uint8_t random[DENIAL_ID / 2];
    out_id[0] = '\0';
    if (random_fill(random, sizeof random) != JWKD_OK) return;
    bytes_to_hex(bytes_of(random, sizeof random), out_id);
    pthread_mutex_lock(&denials->lock);
    struct denial *denial = &denials->kept[denials->next++ % DENIALS_KEPT];
    denial->at = clock_wall_sec();
    copy(denial->id, sizeof denial->id, out_id);
    copy(denial->principal, sizeof denial->principal, caller->principal);
    copy(denial->transport_principal, sizeof denial->transport_principal, caller->transport_principal);
    copy(denial->origin, sizeof denial->origin, caller->origin);
    copy(denial->operation, sizeof denial->operation, operation);
    copy(denial->environment, sizeof denial->environment, environment);
    copy(denial->reason, sizeof denial->reason, reason);
    pthread_mutex_unlock(&denials->lock);
}

jwkd_status denials_find(struct denials *denials, const char *id, struct denial *out)
{
    jwkd_status status = JWKD_NOT_FOUND;
    pthread_mutex_lock(&denials->lock);
    for (size_t i = 0; i < DENIALS_KEPT && status != JWKD_OK; i++) {
        if (!denials->kept[i].at || strcmp(denials->kept[i].id, id) != 0) continue;
        *out = denials->kept[i];
        status = JWKD_OK;
    }
    pthread_mutex_unlock(&denials->lock);
    return status;
}
