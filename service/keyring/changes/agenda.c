#include "keyring/changes/agenda.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/random.h"
#include "keyring/changes/changes.h"
#include "keyring/changes/promotion.h"
#include "keyring/changes/standing.h"

/* An environment of which something is expected. */
struct agenda_entry {
    uint64_t environment_id;
    char name[LIMIT_ENVIRONMENT_NAME + 1];
    uint8_t operation[OPERATION_ID]; /* the promotion that waits, and since when its key can be seen */
    uint64_t published_ns;
    int64_t rotate_at; /* by the schedule; and when the agenda learned that */
    struct moment scheduled;
    const struct key_type *lacks; /* a due rotation waits for a key of this type */
    uint64_t due_ns;              /* when to look at it, as it was reckoned last; UINT64_MAX: never */
};

struct moment moment_now(void)
{
    return (struct moment){.elapsed_ns = clock_elapsed_ns(), .wall_sec = clock_wall_sec()};
}

/* How long until two things are so: the wall clock says `at`, and since `from` as much time has passed as
 * there then was until `at`. */
static uint64_t left_ns(int64_t at, struct moment from, struct moment now)
{
    int64_t by_wall = at - now.wall_sec, planned = at - from.wall_sec;
    uint64_t passed_ns = now.elapsed_ns - from.elapsed_ns;
    uint64_t planned_ns = planned > 0 ? (uint64_t)planned * NS_PER_SEC : 0;
    uint64_t wall_ns = by_wall > 0 ? (uint64_t)by_wall * NS_PER_SEC : 0;
    uint64_t elapsed_ns = planned_ns > passed_ns ? planned_ns - passed_ns : 0;
    return wall_ns > elapsed_ns ? wall_ns : elapsed_ns;
}

/* ---- entries, by name, as environments are in a snapshot ---- */

static size_t place(const struct keyring *keyring, const char *name)
{
    size_t low = 0, high = keyring->agenda.count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (strcmp(keyring->agenda.entries[middle].name, name) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static struct agenda_entry *find_entry(const struct keyring *keyring, const char *name)
{
    size_t index = place(keyring, name);
    bool found = index < keyring->agenda.count && strcmp(keyring->agenda.entries[index].name, name) == 0;
    return found ? &keyring->agenda.entries[index] : NULL;
}

static void remove_entry(struct keyring *keyring, const char *name)
{
    struct agenda_entry *entry = find_entry(keyring, name);
    if (!entry) return;
    size_t behind = keyring->agenda.count - (size_t)(entry - keyring->agenda.entries) - 1;
    memmove(entry, entry + 1, behind * sizeof *entry);
    keyring->agenda.count--;
}

static jwkd_status add_entry(
    struct keyring *keyring, const struct ring_environment *environment, struct agenda_entry **out)
{
    if (keyring->agenda.count == keyring->agenda.capacity) {
        size_t capacity = keyring->agenda.capacity ? keyring->agenda.capacity * 2 : 16;
        struct agenda_entry *grown = realloc(keyring->agenda.entries, capacity * sizeof *grown);
        if (!grown) return JWKD_NO_MEMORY;
        keyring->agenda.entries = grown;
        keyring->agenda.capacity = capacity;
    }
    size_t index = place(keyring, environment->settings.name);
    struct agenda_entry *entry = &keyring->agenda.entries[index];
    memmove(entry + 1, entry, (keyring->agenda.count - index) * sizeof *entry);
    keyring->agenda.count++;
    *entry = (struct agenda_entry){.environment_id = environment->id};
    memcpy(entry->name, environment->settings.name, sizeof entry->name);
    *out = entry;
    return JWKD_OK;
}

/* ---- what is due, and when ---- */

static const struct ring_environment *environment_of(
    const struct transaction *transaction, const struct agenda_entry *entry)
{
    const struct ring_environment *environment = transaction_find(transaction, entry->name);
    return environment && environment->id == entry->environment_id ? environment : NULL;
}

/* How long until the last token has expired by the wall clock, and has lived as long as it was given when it
 * was made. */
static uint64_t retires_in_ns(const struct keyring *keyring, const struct ring_environment *environment,
    const struct ring_key *key, struct moment now)
{
    if (!key->usage->retires) return UINT64_MAX; /* not visible in the snapshot yet: it may be signing */
    struct reach last = reach_read(&key->usage->last);
    if (last.expiry == 0) return 0; /* nothing was signed, so there is nothing to wait for */
    last = reach_further(last, environment->settings.leeway_sec);
    /* One second more: exp is a whole second, and the clock is somewhere within one. */
    int64_t by_wall = last.expiry + 1 - now.wall_sec;
    uint64_t wall_ns = by_wall > 0 ? (uint64_t)by_wall * NS_PER_SEC : 0;
    uint64_t until_ns = (uint64_t)last.age * NS_PER_SEC, present_ns = now.elapsed_ns + keyring->age_ahead_ns;
    uint64_t age_ns = until_ns > present_ns ? until_ns - present_ns : 0;
    return wall_ns > age_ns ? wall_ns : age_ns;
}

static uint64_t promoted_in_ns(struct keyring *keyring, const struct ring_environment *environment,
    const struct agenda_entry *entry, struct moment now)
{
    struct promotion standing = operation_standing(keyring, environment, entry->published_ns, now.elapsed_ns);
    uint64_t due_ns = promotion_due_ns(&standing);
    return due_ns > now.elapsed_ns ? due_ns - now.elapsed_ns : 0;
}

/* Without a primary key the schedule stands still: somebody stopped the signing, and the schedule must not
 * start it again. */
static bool rotates(const struct ring_environment *environment, const struct agenda_entry *entry)
{
    return entry->rotate_at && environment->primary >= 0;
}

static uint64_t entry_in_ns(struct keyring *keyring, const struct ring_environment *environment,
    const struct agenda_entry *entry, struct moment now)
{
    uint64_t least = UINT64_MAX;
    if (environment->promotion.waiting) least = promoted_in_ns(keyring, environment, entry, now);
    for (size_t i = 0; i < environment->count; i++) {
        if (!environment->keys[i]->retiring_since) continue;
        uint64_t in_ns = retires_in_ns(keyring, environment, environment->keys[i], now);
        if (in_ns < least) least = in_ns;
    }
    if (rotates(environment, entry) && !entry->lacks) {
        uint64_t in_ns = left_ns(entry->rotate_at, entry->scheduled, now);
        if (in_ns < least) least = in_ns;
    }
    return least;
}

static void reckon(struct keyring *keyring, struct agenda_entry *entry, struct moment now)
{
    const struct ring_environment *environment = snapshot_find(keyring->present.snapshot, entry->name);
    uint64_t in_ns = environment ? entry_in_ns(keyring, environment, entry, now) : UINT64_MAX;
    entry->due_ns = in_ns == UINT64_MAX ? UINT64_MAX : now.elapsed_ns + in_ns;
}

static bool awaits_confirmation(const struct agenda_entry *entry)
{
    static const uint8_t NONE[16];
    return memcmp(entry->operation, NONE, sizeof NONE) != 0;
}

void agenda_reckon(struct keyring *keyring, struct moment now, bool all)
{
    for (size_t i = 0; i < keyring->agenda.count; i++)
        if (all || awaits_confirmation(&keyring->agenda.entries[i]))
            reckon(keyring, &keyring->agenda.entries[i], now);
}

uint64_t agenda_next_ns(const struct keyring *keyring)
{
    uint64_t least = UINT64_MAX;
    for (size_t i = 0; i < keyring->agenda.count; i++)
        if (keyring->agenda.entries[i].due_ns < least) least = keyring->agenda.entries[i].due_ns;
    return least;
}

/* ---- what is expected ---- */

/* Marks which keys retire, now that the snapshot shows it. True: at least one does. */
static bool see_retiring(const struct ring_environment *environment)
{
    bool any = false;
    for (size_t i = 0; i < environment->count; i++) {
        struct key_usage *usage = environment->keys[i]->usage;
        usage->retires = environment->keys[i]->retiring_since != 0;
        any |= usage->retires;
    }
    return any;
}

static jwkd_status take_up(
    struct keyring *keyring, const struct ring_environment *environment, struct moment now)
{
    const struct ring_promotion *promotion = &environment->promotion;
    bool expected = see_retiring(environment) || promotion->waiting || environment->rotate_at;
    struct agenda_entry *entry = find_entry(keyring, environment->settings.name);
    if (entry && (!expected || entry->environment_id != environment->id)) {
        remove_entry(
            keyring, environment->settings.name); /* also if it is of an earlier environment of that name */
        entry = NULL;
    }
    if (!expected) return JWKD_OK;
    if (!entry) TRY(add_entry(keyring, environment, &entry));
    if (memcmp(entry->operation, promotion->operation, sizeof entry->operation) != 0) {
        memcpy(entry->operation, promotion->operation, sizeof entry->operation);
        entry->published_ns = now.elapsed_ns;
    }
    if (entry->rotate_at != environment->rotate_at) {
        entry->rotate_at = environment->rotate_at;
        entry->scheduled = now;
        entry->lacks = NULL;
    }
    return JWKD_OK;
}

static void count_waiting(struct keyring *keyring)
{
    unsigned waiting = 0;
    for (size_t i = 0; i < keyring->agenda.count; i++)
        waiting += awaits_confirmation(&keyring->agenda.entries[i]);
    atomic_store(&keyring->agenda.promotions_waiting, waiting);
}

void agenda_take_up(
    struct keyring *keyring, const struct snapshot_change *touched, size_t count, uint64_t now_ns)
{
    struct moment now = {.elapsed_ns = now_ns, .wall_sec = clock_wall_sec()};
    if (count == 0) return;
    for (size_t i = 0; i < count; i++) {
        if (!touched[i].environment)
            remove_entry(keyring, touched[i].name);
        else if (take_up(keyring, touched[i].environment, now) != JWKD_OK)
            keyring_trouble(keyring, JWKD_NO_MEMORY,
                "out of memory: a promotion, retirement or rotation waits until the service is started "
                "again");
    }
    count_waiting(keyring); /* from here on a confirmation has its entry reckoned anew; the loop below counts
                               earlier ones */
    for (size_t i = 0; i < count; i++) {
        struct agenda_entry *entry = find_entry(keyring, touched[i].name);
        if (entry) reckon(keyring, entry, now);
    }
}

jwkd_status agenda_load(struct keyring *keyring)
{
    struct moment now = moment_now();
    for (size_t i = 0; i < keyring->present.snapshot->count; i++)
        TRY(take_up(keyring, keyring->present.snapshot->environments[i], now));
    count_waiting(keyring);
    agenda_reckon(keyring, now, true);
    return JWKD_OK;
}

void agenda_clear(struct keyring *keyring)
{
    free(keyring->agenda.entries);
    keyring->agenda.entries = NULL;
    keyring->agenda.count = keyring->agenda.capacity = 0;
}

bool agenda_awaits_confirmation(struct keyring *keyring)
{
    return atomic_load(&keyring->agenda.promotions_waiting) != 0;
}

/* ---- doing it ---- */

/* Carries a plan out as one revision. */
static jwkd_status carry_out(struct edit *edit, const struct plan *plan)
{
    edit_write(edit);
    TRY(edit_carry_out(edit, plan, -1, NULL));
    TRY(edit_finish(edit, NULL));
    edit_well_ended(edit);
    return JWKD_OK;
}

/* Says what a promotion waited for. */
static const char *promoted_because(const struct promotion *standing)
{
    bool readers = standing->jwks_max_age_ns != 0;
    if (!promotion_is_confirmed(standing))
        return readers ? "every lease that could lack the key has run out, and no reader of the JWKS may "
                         "keep one without it"
                       : "every lease that could lack the key has run out";
    if (standing->subscribers == 0)
        return readers ? "no reader of the JWKS may keep one without the key"
                       : "nobody follows the environment";
    return readers ? "every subscriber confirmed the key, and no reader of the JWKS may keep one without it"
                   : "every subscriber confirmed the key";
}

/* Only the service's own names begin so. */
#define BY_SCHEDULE "service:schedule"
#define BY_OPERATION "service:operation/"

static jwkd_status promote(struct transaction *transaction, const struct ring_environment *environment,
    const struct promotion *standing)
{
    char principal[sizeof BY_OPERATION + 2 * LIMIT_REQUEST_ID] = BY_OPERATION;
    bytes_to_hex(
        bytes_of(environment->promotion.operation, LIMIT_REQUEST_ID), principal + strlen(BY_OPERATION));
    const struct edit_cause cause = {.verb = "promote", .principal = principal};
    CLEANUP(edit_clear) struct edit edit = {0};
    TRY(edit_begin(&edit, transaction, cause, environment->settings.name, NULL));
    struct plan_view view;
    TRY(edit_view(&edit, &view, NULL));
    struct plan plan;
    const struct ring_promotion *promotion = &edit.after->promotion;
    TRY(plan_promote(&view, promotion->kid, promotion->rotation, &plan, NULL));
    edit_write(&edit);
    TRY(operation_end(&edit, JWKD__V1__OPERATION__PHASE__DONE, promoted_because(standing)));
    return carry_out(&edit, &plan);
}

static jwkd_status deactivate(struct transaction *transaction, const char *name, const char *kid)
{
    const struct edit_cause cause = {.verb = "deactivate", .principal = BY_SCHEDULE};
    CLEANUP(edit_clear) struct edit edit = {0};
    TRY(edit_begin(&edit, transaction, cause, name, NULL));
    struct plan_view view;
    TRY(edit_view(&edit, &view, NULL));
    struct plan plan;
    TRY(plan_deactivate(
        &view, kid, true, &plan, NULL)); /* it is not the primary key, so signing does not stop */
    return carry_out(&edit, &plan);
}

/* Decides a rotation as if a caller had asked for it. If the reserve is empty, it is done once there is a
 * key. */
static jwkd_status rotate(struct transaction *transaction, struct agenda_entry *entry)
{
    uint8_t id[LIMIT_REQUEST_ID], digest[32] = {0};
    TRY(random_fill(id, sizeof id));
    Jwkd__V1__RotateRequest rotation = JWKD__V1__ROTATE_REQUEST__INIT;
    Jwkd__V1__Request request = JWKD__V1__REQUEST__INIT;
    rotation.environment = entry->name;
    request.request_id = wire_bytes(bytes_of(id, sizeof id));
    request.operation_case = JWKD__V1__REQUEST__OPERATION_ROTATE;
    request.rotate = &rotation;
    const struct change_request change = {
        .request = &request, .principal = BY_SCHEDULE, .digest = digest, .listed = true};
    CLEANUP(reply_clear) struct reply reply;
    reply_init(&reply, &request);
    jwkd_error error = {0};
    jwkd_status status = change_decide(transaction, &change, &reply, &error);
    enum alg alg;
    entry->lacks = NULL;
    if (status == JWKD_IN_PROGRESS) {
        struct generation wanted = change_generation(&request);
        const struct ring_environment *environment = environment_of(transaction, entry);
        if (environment && change_key_type(environment, &wanted, &alg, &entry->lacks, NULL) != JWKD_OK)
            entry->lacks = NULL;
        return JWKD_OK;
    }
    if (status == JWKD_OK || transaction->spoiled) return status;
    /* It cannot begin now, e.g. because a rotation is under way. It is tried again after a minute at the
     * earliest. */
    entry->scheduled = moment_now();
    entry->rotate_at = entry->scheduled.wall_sec + 60;
    struct keyring *keyring = transaction->keyring;
    keyring_trouble(
        keyring, status, error.message[0] ? error.message : "a rotation by schedule could not begin");
    return JWKD_OK;
}

static jwkd_status run_entry(struct transaction *transaction, struct agenda_entry *entry, struct moment now)
{
    struct keyring *keyring = transaction->keyring;
    const struct ring_environment *environment = environment_of(transaction, entry);
    if (!environment) return JWKD_OK;
    if (environment->promotion.waiting && promoted_in_ns(keyring, environment, entry, now) == 0) {
        struct promotion standing =
            operation_standing(keyring, environment, entry->published_ns, now.elapsed_ns);
        TRY(promote(transaction, environment, &standing));
        environment = environment_of(transaction, entry);
    }
    for (size_t i = 0; environment && i < environment->count; i++) {
        if (!environment->keys[i]->retiring_since ||
            retires_in_ns(keyring, environment, environment->keys[i], now) != 0)
            continue;
        TRY(deactivate(transaction, entry->name, jwk_kid(environment->keys[i]->jwk)));
        environment = environment_of(transaction, entry);
    }
    if (environment && rotates(environment, entry) && left_ns(entry->rotate_at, entry->scheduled, now) == 0)
        TRY(rotate(transaction, entry));
    return JWKD_OK;
}

void agenda_run(struct transaction *transaction, struct moment now, bool *out_failed)
{
    struct keyring *keyring = transaction->keyring;
    for (size_t i = 0;
         i < keyring->agenda.count && !transaction->spoiled && transaction_has_room(transaction); i++) {
        struct agenda_entry *entry = &keyring->agenda.entries[i];
        if (entry->due_ns > now.elapsed_ns) continue;
        jwkd_status status = run_entry(transaction, entry, now);
        reckon(keyring, entry,
            now); /* by what is committed: what the transaction changes stays due until it is committed */
        if (status == JWKD_OK) continue;
        *out_failed = true;
        keyring_trouble(keyring, status, "what was due could not be done; it is tried again");
    }
}

void agenda_key_made(struct keyring *keyring)
{
    for (size_t i = 0; i < keyring->agenda.count; i++) {
        if (!keyring->agenda.entries[i].lacks) continue;
        keyring->agenda.entries[i].lacks = NULL;
        keyring->agenda.entries[i].due_ns = 0;
    }
}

void agenda_demand(struct keyring *keyring)
{
    for (size_t i = 0; i < keyring->agenda.count; i++)
        if (keyring->agenda.entries[i].lacks)
            reserve_demand(keyring->reserve, keyring->agenda.entries[i].lacks, 1);
}
