/* Signing: many callers, few requests, each its own answer. */
#include "client/cases.h"

#include <jwkd.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "client/fake_service.h"

#define OP(name) JWKD__V1__REQUEST__OPERATION_##name

enum { CALLERS = 32, EACH = 50 };

static struct fake *fake;
static jwkd_client *client;

static int set_up_with(uint32_t timeout_ms)
{
    fake = fake_start();
    fake_create_environment(fake, "shop", false);
    const jwkd_client_options options = {.timeout_ms = timeout_ms};
    return jwkd_open(fake_url(fake), &options, &client, NULL) == JWKD_OK ? 0 : -1;
}

static int set_up(void **state)
{
    (void)state;
    return set_up_with(3000);
}

/* Nothing ends for want of an answer. */
static int set_up_patient(void **state)
{
    (void)state;
    return set_up_with(LIMIT_DEADLINE_SEC * 1000);
}

static int tear_down(void **state)
{
    (void)state;
    jwkd_close(client);
    fake_stop(fake);
    return 0;
}

static jwkd_sign_item item_of(const char *claims)
{
    return (jwkd_sign_item){.claims = {.data = claims, .size = strlen(claims)}};
}

/* A list of some length, whose tokens stay together and in order. */
static bool list_comes_back(const char *environment, uintmax_t number, int call)
{
    enum { MOST = 40 };
    char claims[MOST][48];
    jwkd_sign_item items[MOST];
    size_t count = 1 + (number + (uintmax_t)call * 7) % MOST;
    jwkd_signed_list *list = NULL;
    for (size_t i = 0; i < count; i++) {
        snprintf(claims[i], sizeof claims[i], "caller %ju call %d token %zu", number, call, i);
        items[i] = item_of(claims[i]);
    }
    bool right =
        jwkd_sign_many(client, environment, items, count, &list, NULL) == JWKD_OK && list->count == count;
    for (size_t i = 0; i < count && right; i++)
        right = list->tokens[i].status == JWKD_OK && strcmp(list->tokens[i].token, claims[i]) == 0;
    jwkd_free(list);
    return right;
}

/* The fake's tokens are the claims themselves. */
static void *call_again_and_again(void *number)
{
    uintptr_t mistakes = 0;
    for (int i = 0; i < EACH; i++) {
        if (i % 5 == 4) {
            mistakes += !list_comes_back(i % 3 ? "shop" : "other", (uintmax_t)(uintptr_t)number, i);
            continue;
        }
        char claims[32];
        char *token = NULL;
        snprintf(claims, sizeof claims, "caller %ju call %d", (uintmax_t)(uintptr_t)number, i);
        jwkd_sign_item item = item_of(claims);
        if (jwkd_sign(client, i % 3 ? "shop" : "other", &item, &token, NULL) != JWKD_OK ||
            strcmp(token, claims) != 0)
            mistakes++;
        jwkd_free(token);
    }
    return (void *)mistakes;
}

static void sign__gives_each_caller_its_own_token(void **state)
{
    (void)state;
    pthread_t threads[CALLERS];
    for (uintptr_t i = 0; i < CALLERS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, call_again_and_again, (void *)i), 0);
    for (size_t i = 0; i < CALLERS; i++) {
        void *mistakes;
        pthread_join(threads[i], &mistakes);
        assert_null(mistakes);
    }
    assert_in_range(fake_count(fake, OP(SIGN)), 1, CALLERS * EACH - 1); /* some travelled together */
}

struct outcome {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    unsigned ended, good, bad;
    jwkd_status bad_status;
};

static void on_signed(void *context, jwkd_status status, const char *token, const jwkd_error *error)
{
    struct outcome *outcome = context;
    pthread_mutex_lock(&outcome->lock);
    outcome->ended++;
    if (status == JWKD_OK && token && !error) outcome->good++;
    if (status != JWKD_OK && !token && error && error->status == status) {
        outcome->bad++;
        outcome->bad_status = status;
    }
    pthread_cond_broadcast(&outcome->changed);
    pthread_mutex_unlock(&outcome->lock);
}

static void await_ended(struct outcome *outcome, unsigned count)
{
    pthread_mutex_lock(&outcome->lock);
    while (outcome->ended < count)
        pthread_cond_wait(&outcome->changed, &outcome->lock);
    pthread_mutex_unlock(&outcome->lock);
}

#define OUTCOME                                                                \
    {                                                                          \
        .lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER \
    }

static void sign__async_tells_each_item_apart(void **state)
{
    (void)state;
    struct outcome outcome = OUTCOME;
    const char *const audiences[] = {"one", "two"};
    for (int i = 0; i < 100; i++) {
        char claims[16];
        snprintf(claims, sizeof claims, i % 10 ? "c%d" : "bad", i); /* copied: the next round overwrites it */
        jwkd_sign_item item = item_of(claims);
        item.audiences = audiences;
        item.audience_count = 2;
        assert_int_equal(jwkd_sign_async(client, "shop", &item, on_signed, &outcome, NULL), JWKD_OK);
    }
    await_ended(&outcome, 100);
    assert_int_equal(outcome.good, 90);
    assert_int_equal(outcome.bad, 10);
    assert_int_equal(outcome.bad_status, JWKD_MALFORMED);
}

static void sign__says_busy_when_too_many_wait(void **state)
{
    (void)state;
    struct outcome outcome = OUTCOME;
    jwkd_sign_item item = item_of("c");
    unsigned accepted = 0;
    fake_misbehave(fake, FAKE_SILENT, 4); /* the requests that may be under way at a time never end */
    while (accepted < 10000 && jwkd_sign_async(client, "shop", &item, on_signed, &outcome, NULL) == JWKD_OK)
        accepted++;
    assert_in_range(accepted, 4096, 4096 + 4 * 64);
    jwkd_close(client); /* ends them all */
    client = NULL;
    await_ended(&outcome, accepted);
    assert_int_equal(outcome.bad, accepted);
    assert_int_equal(outcome.bad_status, JWKD_CLOSED);
}

static const char *const SIX[] = {"one", "two", "three", "four", "five", "six"};
static _Thread_local bool is_the_programs;

/* Few enough in an environment for a request each. */
static void *sign_until_closed(void *number)
{
    const char *environment = SIX[(uintptr_t)number / 2];
    is_the_programs = true;
    const jwkd_sign_item items[] = {item_of("one"), item_of("two"), item_of("three")};
    jwkd_signed_list *list = NULL;
    char *token = NULL;
    jwkd_status status = (uintptr_t)number % 2 ? jwkd_sign(client, environment, items, &token, NULL)
                                               : jwkd_sign_many(client, environment, items, 3, &list, NULL);
    return (void *)(uintptr_t)status;
}

static void count_ended(void *context, jwkd_status status, const char *token, const jwkd_error *error)
{
    (void)token;
    (void)error;
    if (status == JWKD_CLOSED && !is_the_programs) atomic_fetch_add((atomic_int *)context, 1);
}

/* Closing the client ends callers that see to a request of their own, and callers that wait for a callback,
 * which comes on a thread of the library's. */
static void sign__ends_with_its_client(void **state)
{
    (void)state;
    enum { THREADS = 12, CALLBACKS = 60 };
    pthread_t threads[THREADS];
    static atomic_int ended;
    ended = 0;
    const jwkd_sign_item item = item_of("later");
    fake_misbehave(fake, FAKE_SILENT, 1000);
    for (uintptr_t i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, sign_until_closed, (void *)i), 0);
    while (fake_count(fake, OP(SIGN)) < THREADS) /* all of them wait */
        sched_yield();
    for (int i = 0; i < CALLBACKS; i++)
        assert_int_equal(jwkd_sign_async(client, SIX[i % 6], &item, count_ended, &ended, NULL), JWKD_OK);
    jwkd_close(client);
    client = NULL;
    assert_int_equal(ended, CALLBACKS);
    for (size_t i = 0; i < THREADS; i++) {
        void *status;
        pthread_join(threads[i], &status);
        assert_int_equal((uintptr_t)status, JWKD_CLOSED);
    }
}

enum { SO_MANY = 40 };

static void *sign_so_many(void *ended)
{
    jwkd_sign_item items[SO_MANY];
    jwkd_signed_list *list = NULL;
    for (size_t i = 0; i < SO_MANY; i++)
        items[i] = item_of("slow");
    jwkd_status status = jwkd_sign_many(client, "shop", items, SO_MANY, &list, NULL);
    atomic_fetch_add((atomic_int *)ended, 1);
    return (void *)(uintptr_t)status;
}

/* With so many requests under way, they would otherwise wait to share one. */
static void sign__waits_for_nobody_for_long(void **state)
{
    (void)state;
    enum { OTHERS = 20 };
    pthread_t thread;
    static atomic_int ended;
    ended = 0;
    struct outcome outcome = OUTCOME;
    const jwkd_sign_item item = item_of("quick");
    fake_misbehave(fake, FAKE_SILENT, 1);
    assert_int_equal(pthread_create(&thread, NULL, sign_so_many, &ended), 0);
    while (fake_count(fake, OP(SIGN)) < 1)
        sched_yield();
    for (int i = 0; i < OTHERS; i++)
        assert_int_equal(jwkd_sign_async(client, "shop", &item, on_signed, &outcome, NULL), JWKD_OK);
    await_ended(&outcome, OTHERS);
    assert_int_equal(outcome.good, OTHERS);
    assert_int_equal(ended, 0);
    jwkd_close(client);
    client = NULL;
    void *status;
    pthread_join(thread, &status);
    assert_int_equal((uintptr_t)status, JWKD_CLOSED);
}

/* Tokens with a request under way, and tokens that wait to share one. */
static void sign__ends_in_its_time_without_an_answer(void **state)
{
    (void)state;
    enum { ALL = 200 };
    struct outcome outcome = OUTCOME;
    const jwkd_sign_item item = item_of("never");
    fake_misbehave(fake, FAKE_SILENT, 1000);
    for (int i = 0; i < ALL; i++)
        assert_int_equal(jwkd_sign_async(client, "shop", &item, on_signed, &outcome, NULL), JWKD_OK);
    await_ended(&outcome, ALL);
    assert_int_equal(outcome.bad, ALL);
    assert_int_equal(outcome.bad_status, JWKD_TIMED_OUT);
}

static void sign__refuses_a_short_answer(void **state)
{
    (void)state;
    char *token = NULL;
    jwkd_sign_item item = item_of("c");
    fake_misbehave(fake, FAKE_TOO_FEW, 1);
    assert_int_equal(jwkd_sign(client, "shop", &item, &token, NULL), JWKD_MALFORMED);
    jwkd_signed_list *list = NULL;
    fake_misbehave(fake, FAKE_TOO_FEW, 1);
    assert_int_equal(jwkd_sign_many(client, "shop", &item, 1, &list, NULL), JWKD_MALFORMED);
    assert_null(token);
    assert_null(list);
}

static void sign__checks_an_item_before_it_travels_with_others(void **state)
{
    (void)state;
    static char large[LIMIT_CLAIMS + 1];
    const char *audiences[LIMIT_AUDIENCES + 1];
    for (size_t i = 0; i <= LIMIT_AUDIENCES; i++)
        audiences[i] = "a";
    jwkd_sign_item too_large = {.claims = {.data = large, .size = sizeof large}};
    jwkd_sign_item too_many = {
        .claims = {.data = "c", .size = 1}, .audiences = audiences, .audience_count = LIMIT_AUDIENCES + 1};
    char *token = NULL;
    assert_int_equal(jwkd_sign(client, "shop", &too_large, &token, NULL), JWKD_INVALID_ARGUMENT);
    assert_int_equal(jwkd_sign(client, "shop", &too_many, &token, NULL), JWKD_INVALID_ARGUMENT);
    assert_int_equal(jwkd_sign(client, "shop", NULL, &token, NULL), JWKD_INVALID_ARGUMENT);
    assert_int_equal(fake_count(fake, OP(SIGN)), 0);
}

/* More than one request holds. The seventh cannot be signed. */
enum { COUNT = LIMIT_BATCH };

static void make_items(char claims[COUNT + 1][16], jwkd_sign_item items[COUNT + 1])
{
    for (int i = 0; i <= COUNT; i++) {
        snprintf(claims[i], 16, i == 7 ? "bad" : "c%d", i);
        items[i] = item_of(claims[i]);
    }
}

static void assert_signed(const jwkd_signed_list *list, size_t count)
{
    assert_int_equal(list->count, count);
    for (size_t i = 0; i < count; i++) {
        char claims[32];
        snprintf(claims, sizeof claims, "c%zu", i);
        assert_int_equal(list->tokens[i].status, i == 7 ? JWKD_MALFORMED : JWKD_OK);
        assert_string_equal(list->tokens[i].token, i == 7 ? "" : claims);
    }
}

/* A list of each size that comes; the answers are looked at by the test's own thread. */
struct lists {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    size_t ended;
    jwkd_signed_list *lists[8];
};

static void on_list(void *context, jwkd_status status, jwkd_signed_list *list, const jwkd_error *error)
{
    struct lists *lists = context;
    (void)error;
    pthread_mutex_lock(&lists->lock);
    lists->lists[lists->ended++] = status == JWKD_OK ? list : NULL;
    pthread_cond_signal(&lists->changed);
    pthread_mutex_unlock(&lists->lock);
}

static void sign_many__async_answers_in_order(void **state)
{
    (void)state;
    static const size_t counts[] = {8, 100, COUNT}; /* with others, and alone */
    char claims[COUNT + 1][16];
    jwkd_sign_item items[COUNT + 1];
    struct lists lists = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};
    for (size_t i = 0; i < 3; i++) {
        make_items(claims, items);
        assert_int_equal(
            jwkd_sign_many_async(client, "shop", items, counts[i], on_list, &lists, NULL), JWKD_OK);
        memset(claims, 0, sizeof claims); /* copied */
    }
    pthread_mutex_lock(&lists.lock);
    while (lists.ended < 3)
        pthread_cond_wait(&lists.changed, &lists.lock);
    pthread_mutex_unlock(&lists.lock);
    size_t all = 0;
    for (size_t i = 0; i < 3; i++) {
        assert_non_null(lists.lists[i]);
        all += lists.lists[i]->count;
        assert_signed(lists.lists[i], lists.lists[i]->count);
        jwkd_free(lists.lists[i]);
    }
    assert_int_equal(all, 8 + 100 + COUNT);
    assert_int_equal(
        jwkd_sign_many_async(client, "shop", items, COUNT + 1, on_list, &lists, NULL), JWKD_INVALID_ARGUMENT);
    assert_int_equal(jwkd_sign_many_async(client, "shop", items, 1, NULL, NULL, NULL), JWKD_INVALID_ARGUMENT);
}

/* As many lists as may be under way, and one more: a token alone has a way of its own. */
static void sign__does_not_wait_behind_lists(void **state)
{
    (void)state;
    enum { UNDER_WAY = 4 };
    char claims[COUNT + 1][16];
    jwkd_sign_item items[COUNT + 1];
    struct lists lists = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};
    make_items(claims, items);
    fake_misbehave(fake, FAKE_SILENT, UNDER_WAY);
    for (int i = 0; i <= UNDER_WAY; i++)
        assert_int_equal(jwkd_sign_many_async(client, "shop", items, COUNT, on_list, &lists, NULL), JWKD_OK);
    while (fake_count(fake, OP(SIGN)) < UNDER_WAY)
        sched_yield();
    char *token = NULL;
    assert_int_equal(jwkd_sign(client, "shop", &items[0], &token, NULL), JWKD_OK);
    jwkd_free(token);
    assert_int_equal(lists.ended, 0);
    jwkd_close(client);
    client = NULL;
    assert_int_equal(lists.ended, UNDER_WAY + 1); /* without a list */
}

static void sign_many__answers_in_order(void **state)
{
    (void)state;
    char claims[COUNT + 1][16];
    jwkd_sign_item items[COUNT + 1];
    make_items(claims, items);
    jwkd_signed_list *list = NULL;
    assert_int_equal(jwkd_sign_many(client, "shop", items, COUNT, &list, NULL), JWKD_OK);
    assert_signed(list, COUNT);
    assert_string_equal(list->tokens[7].message, "not an object");
    jwkd_free(list);
    assert_int_equal(jwkd_sign_many(client, "shop", items, COUNT + 1, &list, NULL), JWKD_INVALID_ARGUMENT);
    assert_int_equal(jwkd_sign_many(client, "shop", items, 0, &list, NULL), JWKD_INVALID_ARGUMENT);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
#define PATIENT_CASE(name) cmocka_unit_test_setup_teardown(name, set_up_patient, tear_down)
    const struct CMUnitTest tests[] = {
        CASE(sign__gives_each_caller_its_own_token),
        CASE(sign__async_tells_each_item_apart),
        CASE(sign__says_busy_when_too_many_wait),
        CASE(sign__ends_with_its_client),
        PATIENT_CASE(sign__waits_for_nobody_for_long),
        CASE(sign__ends_in_its_time_without_an_answer),
        CASE(sign__refuses_a_short_answer),
        CASE(sign__checks_an_item_before_it_travels_with_others),
        CASE(sign_many__answers_in_order),
        CASE(sign_many__async_answers_in_order),
        CASE(sign__does_not_wait_behind_lists),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
