#include "integration/harness.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- crashes ---- */

enum { ROUNDS = 10 };

static void change__that_was_acknowledged_outlives_a_kill(void **state)
{
    struct service *service = *state;
    jwkd_client *client = client_open(service);
    environment_create(client, "shop");
    char *kids[ROUNDS], *tokens[ROUNDS];
    for (size_t i = 0; i < ROUNDS; i++) {
        kids[i] = key_generate(client, "shop");
        tokens[i] = token_sign(client, "shop");
        jwkd_key_answer *answer;
        if (i % 2) {
            assert_ok(jwkd_deactivate(client, "shop", kids[i - 1], false, &answer, NULL));
            jwkd_free(answer);
        }
        uint64_t revision = revision_of(client, "shop");
        jwkd_close(client);
        service_kill(service);
        service_start(service);
        client = client_open(service);
        assert_int_equal(revision_of(client, "shop"), revision);
        for (size_t j = 0; j <= i; j++) {
            bool gone = j % 2 == 0 && j < i;
            assert_verdict(token_judge(client, "shop", tokens[j]),
                gone ? JWKD_VERDICT_KEY_DEACTIVATED : JWKD_VERDICT_VALID);
        }
        jwkd_key_list *keys;
        assert_ok(jwkd_get_keys(client, "shop", &keys, NULL));
        assert_int_equal(keys->count, i + 1);
        assert_string_equal(keys->primary_kid, kids[i]);
        jwkd_free(keys);
    }
    for (size_t i = 0; i < ROUNDS; i++) {
        free(kids[i]);
        jwkd_free(tokens[i]);
    }
    jwkd_close(client);
}

static void verifier__outlives_a_kill_and_follows_again(void **state)
{
    struct service *service = *state;
    jwkd_client *client = client_open(service);
    environment_create(client, "shop");
    char *first = key_generate(client, "shop");
    char *token = token_sign(client, "shop");
    struct observer observer;
    observer_open(&observer, client, "shop");
    service_kill(service);
    assert_verdict(observer_judge(&observer, token), JWKD_VERDICT_VALID); /* without a service */
    service_start(service);
    jwkd_client *other = client_open(service);
    free(key_generate(other, "shop"));
    jwkd_key_answer *answer;
    assert_ok(jwkd_deactivate(other, "shop", first, false, &answer, NULL));
    observer_await(&observer, answer->revision);
    assert_verdict(observer_judge(&observer, token), JWKD_VERDICT_KEY_DEACTIVATED);
    jwkd_free(answer);
    observer_close(&observer);
    jwkd_free(token);
    free(first);
    jwkd_close(other);
    jwkd_close(client);
}

/* The service tells its clients where the events are, and they may be anywhere. */
static void sockets__in_a_relative_directory_are_found_from_elsewhere(void **state)
{
    struct service *service = *state;
    CLEANUP(fd_close_at) int here = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    service_stop(service);
    assert_int_equal(chdir(service->root), 0);
    memmove(service->sockets, service->sockets + strlen(service->root) + 1,
        strlen(service->sockets) - strlen(service->root));
    service_start(service);
    assert_int_equal(fchdir(here), 0);
    jwkd_client *client = client_open(service);
    environment_create(client, "shop");
    jwkd_verifier *verifier;
    jwkd_error error = {0};
    assert_status(jwkd_verifier_open(client, "shop", NULL, &verifier, &error), JWKD_OK, &error);
    jwkd_verifier_close(verifier);
    jwkd_close(client);
}

/* ---- what the daemon refuses to start on ---- */

static void fill_and_stop(struct service *service)
{
    jwkd_client *client = client_open(service);
    environment_create(client, "shop");
    free(key_generate(client, "shop"));
    jwkd_close(client);
    service_stop(service);
}

static void daemon__second_on_a_directory_is_refused(void **state)
{
    struct service *service = *state;
    struct service second = *service;
    snprintf(second.sockets, sizeof second.sockets, "%s/other", service->root);
    snprintf(second.log, sizeof second.log, "%s/second", service->root);
    assert_int_equal(service_run(&second, NULL), 1);
    assert_true(service_said(&second, service->data));
    assert_true(service_said(&second, "FAILED_PRECONDITION"));
    jwkd_client *client = client_open(service);
    assert_ok(jwkd_ping(client, NULL, NULL));
    jwkd_close(client);
}

static void key_file__of_another_store_is_refused(void **state)
{
    struct service *service = *state, stranger;
    fill_and_stop(service);
    service_prepare(&stranger);
    service_start(&stranger);
    service_stop(&stranger);
    assert_true(snprintf(service->key_file, sizeof service->key_file, "%s/jwkd.key", stranger.data) > 0);
    assert_int_equal(service_run(service, NULL), 1);
    assert_true(service_said(service, "key-encryption key"));
    assert_int_equal(service_run(service, "--check"), 1);
    assert_true(service_said(service, "key-encryption key"));
    service->key_file[0] = '\0';
    assert_int_equal(service_run(service, "--check"), 0);
    service_start(service);
    service_remove(&stranger);
}

static void store__that_was_emptied_or_damaged_is_refused(void **state)
{
    struct service *service = *state;
    fill_and_stop(service);
    assert_int_equal(service_run(service, "--check"), 0);
    char path[160], aside[160];
    snprintf(path, sizeof path, "%s/data.mdb", service->data);
    snprintf(aside, sizeof aside, "%s/aside.mdb", service->root);
    assert_int_equal(rename(path, aside), 0);
    assert_int_equal(service_run(service, NULL), 1);
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600); /* an empty file in its place */
    assert_true(fd >= 0);
    assert_int_equal(service_run(service, NULL), 1);
    assert_int_equal(service_run(service, "--check"), 1);
    for (int i = 0; i < 1024; i++)
        assert_int_equal(write(fd, "not a database  ", 16), 16);
    close(fd);
    assert_int_equal(service_run(service, NULL), 1);
    assert_int_equal(rename(aside, path), 0);
    service_start(service);
    jwkd_client *client = client_open(service);
    jwkd_free(token_sign(client, "shop"));
    jwkd_close(client);
}

static void check__tells_by_its_exit_code(void **state)
{
    struct service *service = *state, nothing;
    service_stop(service);
    assert_int_equal(service_run(service, "--check"), 0);
    assert_int_equal(service_run(service, "--no-such-option"), 2);
    assert_int_equal(service_run(service, "--max-lease=11m"), 2);
    const char long_place[] =
        "--socket-dir=/tmp/"
        "a-directory-whose-path-is-too-long-for-the-address-of-a-socket/for-there-are-108-bytes-of-it";
    assert_int_equal(service_run(service, long_place), 2);
    service_prepare(&nothing);
    assert_int_equal(service_run(&nothing, long_place), 2); /* before anything is made */
    assert_int_not_equal(access(nothing.data, F_OK), 0);
    assert_int_equal(service_run(&nothing, "--check"), 1); /* no store, and none is made */
    assert_int_not_equal(access(nothing.data, F_OK), 0);
    service_remove(&nothing);
}

/* ---- disks ---- */

/* A small file system in memory for the data directory, in a mount namespace of this program alone. */
static bool mount_small(const struct service *service, const char *options)
{
    static bool separate;
    if (!separate && (unshare(CLONE_NEWNS) != 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0))
        return false;
    separate = true;
    assert_int_equal(mkdir(service->data, 0700), 0);
    return mount("tmpfs", service->data, "tmpfs", 0, options) == 0;
}

static jwkd_status try_change(jwkd_client *client, const char *audience)
{
    const jwkd_environment wanted = {.name = "shop", .default_audience = audience};
    jwkd_environment *made;
    jwkd_error error = {0};
    jwkd_status status = jwkd_environment_update(client, &wanted, JWKD_SET_DEFAULT_AUDIENCE, &made, &error);
    if (status == JWKD_OK)
        jwkd_free(made);
    else
        assert_true(error.message[0] != '\0');
    return status;
}

static void assert_serving(jwkd_client *client, struct observer *observer)
{
    char *token = token_sign(client, "shop");
    assert_verdict(token_judge(client, "shop", token), JWKD_VERDICT_VALID);
    assert_verdict(observer_judge(observer, token), JWKD_VERDICT_VALID);
    jwkd_free(token);
}

enum { REFUSALS = 20, AUDIENCE = 400 };

/* Also where there is nothing to be done but to say so. */
static void deactivate_again(jwkd_client *client, const char *kid)
{
    for (unsigned i = 0; i < REFUSALS; i++) {
        jwkd_key_answer *answer;
        jwkd_error error = {0};
        assert_status(jwkd_deactivate(client, "shop", kid, false, &answer, &error), JWKD_OK, &error);
        assert_int_equal(answer->key.state, JWKD_KEY_DEACTIVATED);
        jwkd_free(answer);
    }
}

static void expect_store(jwkd_client *client, const char *expected)
{
    jwkd_service_status *status;
    assert_ok(jwkd_get_status(client, &status, NULL));
    assert_string_equal(status->store, expected);
    jwkd_free(status);
}

/* The service must notice by itself: the test asks for no change meanwhile. */
static void await_recovery_said(struct service *service, jwkd_client *client)
{
    time_t until = time(NULL) + PATIENCE_SEC;
    while (service_count_said(service, "the store can be written again") == 0) {
        assert_true(time(NULL) < until);
        nanosleep(&(struct timespec){.tv_nsec = 20 * 1000 * 1000}, NULL);
    }
    expect_store(client, "read-write");
}

static void fill(const struct service *service, char path[160])
{
    static const char block[4096];
    snprintf(path, 160, "%s/filler", service->data);
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    while (write(fd, block, sizeof block) > 0) {
    }
    assert_int_equal(errno, ENOSPC);
    close(fd);
}

/* Uses the free pages within the file up. */
static void change_until_refused(jwkd_client *client, char audience[AUDIENCE])
{
    memset(audience, 'a', AUDIENCE - 1);
    audience[AUDIENCE - 1] = '\0';
    jwkd_status status = JWKD_OK;
    for (int i = 0; i < 500 && status == JWKD_OK; i++) {
        audience[i % 300] ^= 1;
        status = try_change(client, audience);
    }
    assert_int_equal(status, JWKD_UNAVAILABLE);
}

static void disk_full(
    struct service *service, jwkd_client *client, struct observer *observer, const char *gone)
{
    char path[160];
    fill(service, path);
    expect_store(client, "full"); /* before any change is refused */
    char audience[AUDIENCE];
    change_until_refused(client, audience);
    /* What the service does by itself meanwhile, such as keeping a ready key, may free a page or two. */
    uint64_t revision = 0;
    for (unsigned i = 0, refused = 0; refused < REFUSALS; i++) {
        assert_true(i < 500);
        if (refused == 0) revision = revision_of(client, "shop");
        refused = try_change(client, audience) == JWKD_UNAVAILABLE ? refused + 1 : 0;
    }
    assert_in_range(service_count_said(service, "is full"), 1, REFUSALS / 2); /* and not each time */
    assert_int_equal(revision_of(client, "shop"), revision);
    assert_serving(client, observer);
    deactivate_again(client, gone);
    assert_int_equal(unlink(path), 0);
    await_recovery_said(service, client);
    assert_int_equal(try_change(client, "api"), JWKD_OK);
}

static void read_only(struct service *service, jwkd_client *client, struct observer *observer)
{
    service_stop(service);
    assert_int_equal(mount(NULL, service->data, NULL, MS_REMOUNT | MS_RDONLY, NULL), 0);
    service_start(service);
    uint64_t revision = revision_of(client, "shop");
    assert_int_equal(try_change(client, "elsewhere"), JWKD_UNAVAILABLE);
    expect_store(client, "read-only");
    assert_int_equal(revision_of(client, "shop"), revision);
    assert_serving(client, observer);
    assert_int_equal(mount(NULL, service->data, NULL, MS_REMOUNT, "size=2m"), 0);
    await_recovery_said(service, client);
    assert_int_equal(try_change(client, "api"), JWKD_OK);
}

static void disk__full_or_read_only_stops_changes_only(void **state)
{
    (void)state;
    struct service service;
    service_prepare(&service);
    if (!mount_small(&service, "size=2m,mode=0700")) {
        print_message("skipped: no mount namespace of one's own is allowed here (%s)\n", strerror(errno));
        service_remove(&service);
        skip();
    }
    service_start(&service);
    jwkd_client *client = client_open(&service);
    environment_create(client, "shop");
    CLEANUP(free_at) char *gone = key_generate(client, "shop");
    free(key_generate(client, "shop"));
    deactivate_again(client, gone);
    struct observer observer;
    observer_open(&observer, client, "shop");
    disk_full(&service, client, &observer, gone);
    assert_serving(client, &observer);
    read_only(&service, client, &observer);
    assert_serving(client, &observer);
    observer_close(&observer);
    jwkd_close(client);
    service_stop(&service);
    assert_int_equal(umount2(service.data, MNT_DETACH), 0);
    service_remove(&service);
}

static bool ballast_is_there(const struct service *service)
{
    char path[160];
    struct stat file;
    snprintf(path, sizeof path, "%s/jwkd.ballast", service->data);
    assert_int_equal(stat(path, &file), 0);
    return file.st_blocks > 0;
}

static void deactivate(jwkd_client *client, const char *kid)
{
    jwkd_key_answer *answer;
    jwkd_error error = {0};
    assert_status(jwkd_deactivate(client, "shop", kid, true, &answer, &error), JWKD_OK, &error);
    jwkd_free(answer);
}

static void expect_no_room_for_a_key(jwkd_client *client)
{
    jwkd_key_answer *answer;
    jwkd_error error = {0};
    assert_int_equal(jwkd_generate(client, "shop", NULL, &answer, &error), JWKD_UNAVAILABLE);
    assert_non_null(strstr(error.message, "is full"));
}

enum { MANY_KEYS = 25 };

/* More of them than there are free pages for in the file. */
static void disk__full_keeps_its_last_room_for_deactivations(void **state)
{
    (void)state;
    struct service service;
    service_prepare(&service);
    if (!mount_small(&service, "size=6m,mode=0700")) {
        print_message("skipped: no mount namespace of one's own is allowed here (%s)\n", strerror(errno));
        service_remove(&service);
        skip();
    }
    service_start(&service);
    jwkd_client *client = client_open(&service);
    environment_create(client, "shop");
    char *kids[MANY_KEYS], path[160], audience[AUDIENCE];
    for (size_t i = 0; i < MANY_KEYS; i++)
        kids[i] = key_generate(client, "shop");
    fill(&service, path);
    size_t gone = 0;
    while (ballast_is_there(&service)) {
        assert_true(gone < MANY_KEYS / 2);
        change_until_refused(client, audience);
        deactivate(client, kids[gone++]);
    }
    for (; gone < MANY_KEYS - 1; gone++) {
        expect_store(client, "full");
        expect_no_room_for_a_key(client);
        deactivate(client, kids[gone]);
    }
    jwkd_free(token_sign(client, "shop"));
    assert_int_equal(service_count_said(&service, "the store can be written again"), 0);
    assert_int_equal(unlink(path), 0);
    await_recovery_said(&service, client);
    assert_true(ballast_is_there(&service));
    free(key_generate(client, "shop"));
    for (size_t i = 0; i < MANY_KEYS; i++)
        free(kids[i]);
    jwkd_close(client);
    service_stop(&service);
    assert_int_equal(umount2(service.data, MNT_DETACH), 0);
    service_remove(&service);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, service_setup, service_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(change__that_was_acknowledged_outlives_a_kill),
        CASE(verifier__outlives_a_kill_and_follows_again),
        CASE(daemon__second_on_a_directory_is_refused),
        CASE(sockets__in_a_relative_directory_are_found_from_elsewhere),
        CASE(key_file__of_another_store_is_refused),
        CASE(store__that_was_emptied_or_damaged_is_refused),
        CASE(check__tells_by_its_exit_code),
        cmocka_unit_test(
            disk__full_or_read_only_stops_changes_only), /* last: these leave the mount namespace */
        cmocka_unit_test(disk__full_keeps_its_last_room_for_deactivations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
