/* What the daemon does to its surroundings, and what it says of itself. */
#include "integration/harness.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* ---- the log */

/* How many lines of the log hold both texts. */
static unsigned count_lines(const struct service *service, const char *text, const char *other)
{
    char line[4096];
    unsigned count = 0;
    FILE *log = fopen(service->log, "r");
    assert_non_null(log);
    while (fgets(line, sizeof line, log))
        count += strstr(line, text) && strstr(line, other);
    fclose(log);
    return count;
}

static void expect_line(const struct service *service, const char *start, const char *kid)
{
    unsigned count = count_lines(service, start, kid);
    if (count != 1) fail_msg("%u lines hold \"%s\" and \"%s\"", count, start, kid);
}

/* Generates, deactivates and destroys a key. */
static void change_keys(const struct service *service, char kid[LIMIT_KID + 1])
{
    jwkd_client *client = client_open(service);
    environment_create(client, "shop");
    char *made = key_generate(client, "shop");
    strcpy(kid, made);
    free(made);
    jwkd_free(token_sign(client, "shop"));
    jwkd_key_answer *answer;
    assert_ok(jwkd_deactivate(client, "shop", kid, true, &answer, NULL));
    jwkd_free(answer);
    assert_ok(jwkd_destroy(client, "shop", kid, &answer, NULL));
    jwkd_free(answer);
    jwkd_close(client);
}

static void log__has_a_line_for_each_change(void **state)
{
    struct service *service = *state;
    char kid[LIMIT_KID + 1], principal[64];
    change_keys(service, kid);
    snprintf(principal, sizeof principal, "principal=uid:%u", (unsigned)geteuid());
    assert_int_equal(count_lines(service, "level=info message=changed verb=", principal), 4);
    expect_line(service, "verb=create_environment environment=shop revision=1 ", principal);
    expect_line(service, "verb=generate environment=shop revision=2 ", kid);
    expect_line(service, "verb=deactivate environment=shop revision=3 ", kid);
    expect_line(service, "verb=destroy environment=shop revision=4 ", kid);
}

static void log__in_json_has_the_same_fields(void **state)
{
    struct service *service = *state;
    service_stop(service);
    service->option = "--log-format=json";
    service_start(service);
    char kid[LIMIT_KID + 1], principal[64], line[4096];
    change_keys(service, kid);
    snprintf(principal, sizeof principal, "uid:%u", (unsigned)geteuid());
    FILE *log = fopen(service->log, "r");
    assert_non_null(log);
    unsigned found = 0;
    while (fgets(line, sizeof line, log)) {
        json_t *object = json_loads(line, JSON_REJECT_DUPLICATES, NULL);
        assert_non_null(object);
        const char *verb = json_string_value(json_object_get(object, "verb"));
        if (verb && strcmp(verb, "deactivate") == 0) {
            found++;
            assert_string_equal(json_string_value(json_object_get(object, "level")), "info");
            assert_string_equal(json_string_value(json_object_get(object, "environment")), "shop");
            assert_string_equal(json_string_value(json_object_get(object, "kid")), kid);
            assert_string_equal(json_string_value(json_object_get(object, "revision")), "3");
            assert_string_equal(json_string_value(json_object_get(object, "principal")), principal);
            assert_string_equal(json_string_value(json_object_get(object, "primary")), "");
        }
        json_decref(object);
    }
    fclose(log);
    assert_int_equal(found, 1);
}

/* ---- who changes something is told to who follows */

struct told {
    pthread_mutex_t lock;
    pthread_cond_t came;
    char principal[64]; /* of the deactivation; "": none came yet */
};

static void on_event(void *context, const jwkd_event *event)
{
    struct told *told = context;
    assert_non_null(event->principal);
    if (event->kind != JWKD_EVENT_KEY_DEACTIVATED) return;
    pthread_mutex_lock(&told->lock);
    snprintf(told->principal, sizeof told->principal, "%s", event->principal);
    pthread_cond_signal(&told->came);
    pthread_mutex_unlock(&told->lock);
}

static void event__tells_who_made_the_change(void **state)
{
    struct service *service = *state;
    struct told told = {.lock = PTHREAD_MUTEX_INITIALIZER, .came = PTHREAD_COND_INITIALIZER};
    char kid[LIMIT_KID + 1], principal[64];
    jwkd_client *client = client_open(service);
    jwkd_watch *watch;
    assert_ok(jwkd_watch_open(client, NULL, on_event, &told, &watch, NULL));
    change_keys(service, kid);
    snprintf(principal, sizeof principal, "uid:%u", (unsigned)geteuid());
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += PATIENCE_SEC;
    pthread_mutex_lock(&told.lock);
    while (!*told.principal && pthread_cond_timedwait(&told.came, &told.lock, &until) == 0)
        continue;
    pthread_mutex_unlock(&told.lock);
    assert_string_equal(told.principal, principal);
    jwkd_watch_close(watch);
    jwkd_close(client);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, service_setup, service_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(log__has_a_line_for_each_change),
        CASE(log__in_json_has_the_same_fields),
        CASE(event__tells_who_made_the_change),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
