#include "wire/cases.h"

#include <pthread.h>

#include "base/clock.h"
#include "events/publisher.h"
#include "wire/wire.h"

enum { BEATS = 3 };

/* What the heartbeat's thread meets. */
static struct {
    pthread_mutex_t lock;
    pthread_cond_t beaten;
    struct publisher *publisher; /* NULL until it is started */
    uint64_t change;             /* the service revision of the last one */
    unsigned beats, behind;
} seen = {.lock = PTHREAD_MUTEX_INITIALIZER, .beaten = PTHREAD_COND_INITIALIZER};

/* Each reading of the clock makes a change. The instant is the number of that change. */
uint64_t __wrap_clock_elapsed_ns(void);
uint64_t __wrap_clock_elapsed_ns(void)
{
    pthread_mutex_lock(&seen.lock);
    struct publisher *publisher = seen.publisher;
    uint64_t change = publisher ? ++seen.change : 0;
    pthread_mutex_unlock(&seen.lock);
    const struct publisher_event event = {
        .environment = "shop", .environment_id = 1, .revision = change, .service_revision = change};
    if (publisher) publisher_list(publisher, &event);
    return change;
}

jwkd_status __real_wire_pack(const ProtobufCMessage *message, struct buffer *out);
jwkd_status __wrap_wire_pack(const ProtobufCMessage *message, struct buffer *out);
jwkd_status __wrap_wire_pack(const ProtobufCMessage *message, struct buffer *out)
{
    const Jwkd__V1__Heartbeat *heartbeat = (const Jwkd__V1__Heartbeat *)message;
    uint64_t stamp = heartbeat->stamp_ns;
    bool lists = heartbeat->n_changed == 1 && heartbeat->changed[0]->state->revision >= stamp;
    pthread_mutex_lock(&seen.lock);
    if (stamp > 0) seen.beats++;
    if (stamp > 0 && (heartbeat->service_revision < stamp || !lists)) seen.behind++;
    pthread_cond_signal(&seen.beaten);
    pthread_mutex_unlock(&seen.lock);
    return __real_wire_pack(message, out);
}

/* A heartbeat must list every change that was in force at its stamp. Otherwise a subscriber could judge by an
 * older state for one more lease. */
static void heartbeat__lists_what_changed_until_its_stamp(void **state)
{
    (void)state;
    const struct publisher_options options = {.heartbeat_ms = 1};
    struct publisher *publisher;
    assert_int_equal(publisher_start(&options, &publisher, NULL), JWKD_OK);
    pthread_mutex_lock(&seen.lock);
    seen.publisher = publisher;
    while (seen.beats < BEATS)
        pthread_cond_wait(&seen.beaten, &seen.lock);
    pthread_mutex_unlock(&seen.lock);
    publisher_stop(publisher);
    assert_int_equal(seen.behind, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(heartbeat__lists_what_changed_until_its_stamp),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
