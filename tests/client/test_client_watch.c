/* Watching: every change once and in order, and a word where that cannot be. */
#include "client/cases.h"

#include <jwkd.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "client/fake_service.h"
#include "client/journal.h"
#include "lib/ask/answer.h"
#include "lib/ask/block.h"

#define OP(name) JWKD__V1__REQUEST__OPERATION_##name

/* While there is no memory for what the program is to be told. */
static atomic_bool short_of_memory;

jwkd_status __real_answer_event_block(
    const Jwkd__V1__Event *event, const Jwkd__V1__Change *change, jwkd_event **out);
jwkd_status __wrap_answer_event_block(
    const Jwkd__V1__Event *event, const Jwkd__V1__Change *change, jwkd_event **out);
jwkd_status __wrap_answer_event_block(
    const Jwkd__V1__Event *event, const Jwkd__V1__Change *change, jwkd_event **out)
{
    return short_of_memory ? JWKD_NO_MEMORY : __real_answer_event_block(event, change, out);
}

jwkd_status __real_block_build(block_layout *layout, const void *from, void **out);
jwkd_status __wrap_block_build(block_layout *layout, const void *from, void **out);
jwkd_status __wrap_block_build(block_layout *layout, const void *from, void **out)
{
    return short_of_memory ? JWKD_NO_MEMORY : __real_block_build(layout, from, out);
}

static struct fake *fake;
static jwkd_client *client;
static jwkd_watch *watch;
static struct journal journal;

static int set_up(void **state)
{
    (void)state;
    fake = fake_start();
    fake_create_environment(fake, "shop", false);
    fake_generate(fake, "shop"); /* 2 */
    journal_init(&journal);
    const jwkd_client_options options = {.timeout_ms = 60000};
    return jwkd_open(fake_url(fake), &options, &client, NULL) == JWKD_OK ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    fake_hush(fake);
    jwkd_watch_close(watch);
    jwkd_close(client);
    fake_stop(fake);
    return 0;
}

static void open_watch(const char *environment)
{
    assert_int_equal(jwkd_watch_open(client, environment, journal_write, &journal, &watch, NULL), JWKD_OK);
    journal_await(&journal, JWKD_EVENT_CONNECTED, 0, 1);
    fake_await_subscriber(fake);
}

/* The revisions told of "shop", in order, are from..to, each once. */
static void assert_told(uint64_t from, uint64_t to)
{
    uint64_t next = from;
    for (size_t i = 0; i < journal.count; i++) {
        if (strcmp(journal.rows[i].environment, "shop") != 0) continue;
        assert_int_equal(journal.rows[i].revision, next);
        next++;
    }
    assert_int_equal(next, to + 1);
}

static void watch__tells_of_one_environment(void **state)
{
    (void)state;
    open_watch("shop");
    fake_create_environment(fake, "other", false);
    fake_generate(fake, "shop");      /* 3 */
    fake_deactivate(fake, "shop", 0); /* 4 */
    size_t row = journal_await(&journal, JWKD_EVENT_KEY_DEACTIVATED, 4, 1);
    assert_string_equal(journal.rows[row].kid, fake_kid(fake, "shop", 0));
    assert_told(3, 4);
    assert_int_equal(journal_count(&journal, JWKD_EVENT_ENVIRONMENT_CREATED), 0);
}

static void watch__fetches_what_it_missed(void **state)
{
    (void)state;
    open_watch("shop");
    fake_mute(fake, true);
    for (int i = 0; i < 5; i++)
        fake_generate(fake, "shop"); /* 3 to 7: more than a page of the log */
    fake_mute(fake, false);
    fake_deactivate(fake, "shop", 0); /* 8 shows the gap */
    journal_await(&journal, JWKD_EVENT_KEY_DEACTIVATED, 8, 1);
    assert_told(3, 8);
    assert_int_equal(journal_count(&journal, JWKD_EVENT_SYNCHRONISED), 0);
}

static void watch__says_where_the_log_does_not_reach(void **state)
{
    (void)state;
    open_watch("shop");
    fake_mute(fake, true);
    fake_generate(fake, "shop");
    fake_generate(fake, "shop"); /* 4 */
    fake_compact(fake);
    fake_mute(fake, false);
    fake_heartbeat(fake);
    journal_await(&journal, JWKD_EVENT_SYNCHRONISED, 4, 1);
    fake_generate(fake, "shop");
    journal_await(&journal, JWKD_EVENT_KEY_PUBLISHED, 5, 1);
}

/* Even where no further change follows, and there still is no memory. */
static void watch__says_what_it_had_no_memory_for(void **state)
{
    (void)state;
    open_watch("shop");
    short_of_memory = true;
    fake_generate(fake, "shop"); /* 3 */
    size_t row = journal_await(&journal, JWKD_EVENT_SYNCHRONISED, 0, 1);
    short_of_memory = false;
    assert_string_equal(journal.rows[row].environment, "shop");
    fake_generate(fake, "shop");
    journal_await(&journal, JWKD_EVENT_KEY_PUBLISHED, 4, 1);
    assert_int_equal(journal_count(&journal, JWKD_EVENT_SYNCHRONISED), 1);
}

/* The watch does not ask after heartbeats that tell nothing new. One that came while the watch was catching
 * up may have made it ask once more. The environment's next revision is `next`. */
static void assert_nothing_is_asked(const char *environment, uint64_t next)
{
    enum { ROUNDS = 10, QUIET = 3 };
    unsigned quiet = 0;
    for (unsigned i = 0; i < ROUNDS && quiet < QUIET; i++, next++) {
        unsigned asked = fake_count(fake, OP(LIST_ENVIRONMENTS));
        fake_heartbeat(fake);
        fake_generate(fake, environment);
        journal_await(&journal, JWKD_EVENT_KEY_PUBLISHED, next, 1);
        quiet = fake_count(fake, OP(LIST_ENVIRONMENTS)) == asked ? quiet + 1 : 0;
    }
    assert_int_equal(quiet, QUIET);
}

static void watch__of_all_hears_of_every_environment(void **state)
{
    (void)state;
    open_watch(NULL);
    fake_create_environment(fake, "second", false);
    fake_generate(fake, "second");
    journal_await(&journal, JWKD_EVENT_KEY_PUBLISHED, 2, 1);
    fake_mute(fake, true);
    fake_create_environment(fake, "third", false);
    fake_generate(fake, "third");
    fake_generate(fake, "shop"); /* 3 */
    fake_delete_environment(fake, "second");
    fake_mute(fake, false);
    fake_heartbeat(fake);
    size_t row = journal_await(&journal, JWKD_EVENT_ENVIRONMENT_DELETED, 0, 1);
    assert_string_equal(journal.rows[row].environment, "second");
    journal_await(&journal, JWKD_EVENT_KEY_PUBLISHED, 3, 1);
    assert_int_equal(journal_count(&journal, JWKD_EVENT_ENVIRONMENT_CREATED), 2);
    assert_int_equal(journal_count(&journal, JWKD_EVENT_KEY_PUBLISHED), 3);
    assert_told(3, 3);
    fake_generate(fake, "third"); /* 3 */
    assert_nothing_is_asked("third", 4);
}

/* Each time it is another environment, although of the same name. */
static void watch__of_all_hears_of_a_name_made_again(void **state)
{
    (void)state;
    open_watch(NULL);
    for (unsigned i = 1; i <= 3; i++) {
        fake_create_environment(fake, "again", false);
        journal_await(&journal, JWKD_EVENT_ENVIRONMENT_CREATED, 1, i);
        fake_delete_environment(fake, "again");
        journal_await(&journal, JWKD_EVENT_ENVIRONMENT_DELETED, 0, i);
    }
    unsigned asked = fake_count(fake, OP(LIST_ENVIRONMENTS));
    fake_generate(fake, "shop"); /* 3 */
    assert_nothing_is_asked("shop", 4);
    assert_int_equal(fake_count(fake, OP(LIST_ENVIRONMENTS)), asked); /* the events said all */
}

static void watch__catches_up_after_a_restart(void **state)
{
    (void)state;
    open_watch("shop");
    fake_down(fake);
    journal_await(&journal, JWKD_EVENT_DISCONNECTED, 0, 1);
    fake_generate(fake, "shop");      /* 3 */
    fake_deactivate(fake, "shop", 0); /* 4 */
    fake_up(fake);
    journal_await(&journal, JWKD_EVENT_KEY_DEACTIVATED, 4, 1);
    assert_told(3, 4);
}

static void watch__of_what_does_not_exist(void **state)
{
    (void)state;
    assert_int_equal(
        jwkd_watch_open(client, "nowhere", journal_write, &journal, &watch, NULL), JWKD_NOT_FOUND);
    watch = NULL;
    assert_int_equal(
        jwkd_watch_open(client, "No Name", journal_write, &journal, &watch, NULL), JWKD_INVALID_ARGUMENT);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        CASE(watch__tells_of_one_environment),
        CASE(watch__fetches_what_it_missed),
        CASE(watch__says_where_the_log_does_not_reach),
        CASE(watch__says_what_it_had_no_memory_for),
        CASE(watch__of_all_hears_of_every_environment),
        CASE(watch__of_all_hears_of_a_name_made_again),
        CASE(watch__catches_up_after_a_restart),
        CASE(watch__of_what_does_not_exist),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
