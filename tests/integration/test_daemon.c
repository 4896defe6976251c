/* What the daemon does to its surroundings, and what it says of itself. */
#include "integration/harness.h"

#include <dirent.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
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

/* ---- watchers are told who made a change */

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

/* ---- descriptors */

/* Whether a file holds the text, bytes of zero and all. */
static bool file_holds(const char *path, const char *text)
{
    CLEANUP(buffer_clear) struct buffer whole = {0};
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    assert_ok(buffer_reserve(&whole, 8 * 1024 * 1024));
    whole.size = fread(whole.data, 1, whole.capacity, file);
    fclose(file);
    return memmem(whole.data, whole.size, text, strlen(text)) != NULL;
}

static void expect_no_log_in(const char *directory)
{
    DIR *files = opendir(directory);
    assert_non_null(files);
    unsigned count = 0;
    for (struct dirent *file; (file = readdir(files)) != NULL;) {
        char path[512];
        struct stat about;
        snprintf(path, sizeof path, "%s/%s", directory, file->d_name);
        assert_int_equal(stat(path, &about), 0);
        if (!S_ISREG(about.st_mode)) continue;
        count++;
        if (file_holds(path, "level=info")) fail_msg("the log is in %s", path);
    }
    closedir(files);
    assert_true(count > 3);
}

/* Otherwise the next file that is opened would get one of their numbers, and the log would go into it. */
static void standard_descriptors__that_are_closed_are_no_files(void **state)
{
    struct service *service = *state;
    service_stop(service);
    service->bare = true;
    service_start(service);
    char kid[LIMIT_KID + 1];
    change_keys(service, kid);
    struct service relay;
    service_prepare(&relay);
    relay.upstream = service->url;
    relay.bare = true;
    service_start(&relay);
    jwkd_client *client = client_open(&relay);
    assert_ok(jwkd_ping(client, NULL, NULL));
    jwkd_close(client);
    service_stop(&relay);
    service_remove(&relay);
    service_stop(service);
    expect_no_log_in(service->data);
    service->bare = false;
    assert_int_equal(service_run(service, "--check"), 0);
}

static void await_said(const struct service *service, const char *text)
{
    time_t until = time(NULL) + PATIENCE_SEC;
    while (service_count_said(service, text) == 0) {
        if (time(NULL) > until) fail_msg("it never said \"%s\"", text);
        nanosleep(&(struct timespec){.tv_nsec = 20 * 1000 * 1000}, NULL);
    }
}

static void limit_descriptors(const struct service *service, rlim_t soft)
{
    struct rlimit limit;
    assert_int_equal(prlimit(service->pid, RLIMIT_NOFILE, NULL, &limit), 0);
    limit.rlim_cur = soft;
    assert_int_equal(prlimit(service->pid, RLIMIT_NOFILE, &limit, NULL), 0);
}

static void descriptors__that_run_out_are_told(void **state)
{
    struct service *service = *state;
    service_stop(service);
    service->descriptors = 2000;
    service_start(service);
    struct rlimit limit;
    assert_int_equal(prlimit(service->pid, RLIMIT_NOFILE, NULL, &limit), 0);
    assert_int_equal(limit.rlim_cur, 2000); /* it was started with half of it */
    limit_descriptors(service, 10);         /* fewer than it has */
    await_said(service, "descriptors are running out");
    assert_int_equal(
        count_lines(service, "level=warning message=\"descriptors are running out", "limit=10"), 1);
    limit_descriptors(service, 2000);
    await_said(service, "there are descriptors enough again");
}

/* It is the memory of the keys that counts. */
static void memory__of_keys_is_locked_where_not_all_is(void **state)
{
    struct service *service = *state;
    service_stop(service);
    service->little_locked = true;
    service_start(service);
    await_said(service, "message=serving");
    assert_int_equal(count_lines(service, "message=serving", "memory_locked=keys"), 1);
    jwkd_client *client = client_open(service);
    jwkd_service_status *status;
    assert_ok(jwkd_get_status(client, &status, NULL));
    assert_true(status->memory_locked);
    jwkd_free(status);
    jwkd_close(client);
    service->option = "--secure-heap=16384"; /* more than may be locked */
    service_stop(service);
    service_start(service);
    await_said(service, "message=serving");
    assert_int_equal(count_lines(service, "message=serving", "memory_locked=none"), 1);
    assert_int_equal(service_count_said(service, "unsealed keys may be swapped out"), 1);
    client = client_open(service);
    assert_ok(jwkd_get_status(client, &status, NULL));
    assert_false(status->memory_locked);
    jwkd_free(status);
    jwkd_close(client);
}

/* ---- the first start */

static bool exists(const char *directory, const char *name)
{
    char path[256];
    snprintf(path, sizeof path, "%s/%s", directory, name);
    return access(path, F_OK) == 0;
}

static void socket__never_takes_the_place_of_a_file(void **state)
{
    (void)state;
    static const char *const names[] = {"rpc.sock", "events.sock"};
    for (size_t i = 0; i < 2; i++) {
        struct service service;
        char path[160];
        service_prepare(&service);
        snprintf(path, sizeof path, "%s/%s", service.sockets, names[i]);
        assert_int_equal(mkdir(service.sockets, 0750), 0);
        FILE *file = fopen(path, "w");
        assert_non_null(file);
        fputs("precious", file);
        fclose(file);
        assert_int_equal(service_run(&service, NULL), 1);
        assert_true(service_said(&service, "a file is there that is no socket"));
        assert_true(file_holds(path, "precious"));
        assert_false(exists(service.root, "data")); /* neither store nor key */
        service.upstream = "ipc:///nowhere/rpc.sock";
        assert_int_equal(service_run(&service, NULL), 1); /* a relay neither */
        assert_true(file_holds(path, "precious"));
        service_remove(&service);
    }
}

static void first_start__that_cannot_listen_makes_no_store(void **state)
{
    struct service *service = *state, other;
    service_prepare(&other);
    strcpy(other.sockets, service->sockets); /* where the first one listens */
    assert_int_equal(service_run(&other, NULL), 1);
    assert_true(service_said(&other, "another program does"));
    assert_false(service_said(&other, "everything that was asked")); /* no client could ask */
    assert_false(exists(other.root, "data"));
    strcpy(other.sockets, "/proc/jwkd");
    assert_int_equal(service_run(&other, NULL), 1);
    assert_true(service_said(&other, "/proc/jwkd"));
    assert_false(exists(other.root, "data"));
    snprintf(other.sockets, sizeof other.sockets, "%s/run", other.root);
    other.option = "--listen-events=tcp://127.0.0.1:0";
    other.second_option = "--tcp-role=verifier";
    assert_int_equal(service_run(&other, "--listen=tcp://192.0.2.1:7070"), 1); /* no host has it (RFC 5737) */
    assert_false(exists(other.root, "data"));
    service_remove(&other);
    jwkd_client *client = client_open(service);
    assert_ok(jwkd_ping(client, NULL, NULL));
    jwkd_close(client);
}

static void first_start__tells_what_it_made(void **state)
{
    struct service *service = *state;
    assert_int_equal(
        count_lines(service, "a new store and its key-encryption key were made", "level=info"), 1);
    service_stop(service);
    service_start(service);
    assert_int_equal(service_count_said(service, "a new"), 0); /* it is no longer the first */
    service_stop(service);
    struct service other;
    service_prepare(&other);
    snprintf(other.key_file, sizeof other.key_file, "%s/jwkd.key", service->data);
    service_start(&other); /* a store beside the other one, under the same key */
    assert_int_equal(count_lines(&other, "its key-encryption key was there before", "level=warning"), 1);
    service_stop(&other);
    service_remove(&other);
    char path[160];
    static const char *const lost[] = {"data.mdb", "jwkd.store"};
    for (size_t i = 0; i < 2; i++) {
        snprintf(path, sizeof path, "%s/%s", service->data, lost[i]);
        assert_int_equal(unlink(path), 0);
    }
    service_start(service);
    assert_int_equal(count_lines(service, "made where another was before", "level=warning"), 1);
}

/* ---- the key-encryption key */

static void key_file__that_was_moved_is_asked_for(void **state)
{
    struct service *service = *state;
    char kid[LIMIT_KID + 1], usual[160], moved[160];
    change_keys(service, kid);
    service_stop(service);
    snprintf(usual, sizeof usual, "%s/jwkd.key", service->data);
    snprintf(moved, sizeof moved, "%s/key", service->root);
    strcpy(service->key_file, moved);
    assert_int_equal(service_run(service, NULL), 1); /* not moved yet */
    assert_true(service_said(service, "but one at"));
    assert_true(service_said(service, usual));
    assert_int_equal(rename(usual, moved), 0);
    service->key_file[0] = '\0';
    assert_int_equal(service_run(service, NULL), 1);
    assert_true(service_said(service, "say where it is now (--key-file)"));
    strcpy(service->key_file, moved);
    service_start(service);
    jwkd_client *client = client_open(service);
    free(key_generate(client, "shop"));
    jwkd_close(client);
}

/* A daemon has a user of its own, and root looks after it. */
static void check__by_root_is_for_whoever_has_the_data(void **state)
{
    struct service *service = *state;
    enum { SOMEBODY = 4711 };
    if (geteuid() != 0) {
        print_message("skipped: only root can give files away\n");
        skip();
    }
    service_stop(service);
    DIR *files = opendir(service->data);
    assert_non_null(files);
    for (struct dirent *file; (file = readdir(files)) != NULL;)
        if (strcmp(file->d_name, "..") != 0)
            assert_int_equal(fchownat(dirfd(files), file->d_name, SOMEBODY, SOMEBODY, 0), 0);
    closedir(files);
    assert_int_equal(service_run(service, "--check"), 0);
    char path[160];
    snprintf(path, sizeof path, "%s/jwkd.key", service->data);
    assert_int_equal(chown(path, SOMEBODY + 1, SOMEBODY), 0);
    assert_int_equal(service_run(service, "--check"), 1); /* neither that user's nor root's */
    assert_true(service_said(service, "(4711)"));
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, service_setup, service_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(log__has_a_line_for_each_change),
        CASE(log__in_json_has_the_same_fields),
        CASE(event__tells_who_made_the_change),
        CASE(standard_descriptors__that_are_closed_are_no_files),
        CASE(descriptors__that_run_out_are_told),
        CASE(memory__of_keys_is_locked_where_not_all_is),
        cmocka_unit_test(socket__never_takes_the_place_of_a_file),
        CASE(first_start__that_cannot_listen_makes_no_store),
        CASE(first_start__tells_what_it_made),
        CASE(key_file__that_was_moved_is_asked_for),
        CASE(check__by_root_is_for_whoever_has_the_data),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
