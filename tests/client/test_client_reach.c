/* What the library says where it reaches no service. */
#include "client/cases.h"

#include <jwkd.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "client/fake_service.h"

enum { NOBODY = 65534 };

struct setting {
    char directory[64], path[96];
};

static int set_up(void **state)
{
    struct setting *setting = calloc(1, sizeof *setting);
    strcpy(setting->directory, "/tmp/jwkd-reach-XXXXXX");
    assert_non_null(mkdtemp(setting->directory));
    snprintf(setting->path, sizeof setting->path, "%s/rpc.sock", setting->directory);
    *state = setting;
    return 0;
}

static int tear_down(void **state)
{
    struct setting *setting = *state;
    unlink(setting->path);
    rmdir(setting->directory);
    free(setting);
    return 0;
}

static bool fails(const char *url, jwkd_status expected, const char *words)
{
    jwkd_client *client = NULL;
    jwkd_error error = {0};
    jwkd_status status = jwkd_open(url, NULL, &client, &error);
    if (status == expected && strstr(error.message, words)) return true;
    fprintf(stderr, "%s: %s, \"%s\" and not \"%s\"\n", url, jwkd_status_name(status), error.message, words);
    jwkd_close(client);
    return false;
}

static bool says(const char *url, const char *words)
{
    return fails(url, JWKD_UNREACHABLE, words);
}

static int listen_at(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
    int one = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(one >= 0);
    assert_int_equal(bind(one, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(one, 8), 0);
    return one;
}

static bool lacks_permission(const char *path)
{
    pid_t child = fork();
    if (child == 0) {
        if (geteuid() == 0 && setuid(NOBODY) != 0) _exit(2);
        _exit(fails(path, JWKD_DENIED, "no permission") ? 0 : 1);
    }
    int status = 0;
    return waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

/* First, since its children open: the parent has not. */
static void reach__tells_a_want_of_permission(void **state)
{
    struct setting *setting = *state;
    int listener = listen_at(setting->path);
    assert_int_equal(chmod(setting->directory, 0755), 0);
    assert_int_equal(chmod(setting->path, 0), 0);
    assert_true(lacks_permission(setting->path));
    assert_int_equal(chmod(setting->path, 0777), 0);
    assert_int_equal(chmod(setting->directory, 0), 0);
    assert_true(lacks_permission(setting->path));
    assert_int_equal(chmod(setting->directory, 0700), 0);
    close(listener);
}

static void reach__tells_what_is_in_a_sockets_place(void **state)
{
    struct setting *setting = *state;
    assert_true(says("/nowhere/rpc.sock", "nor a directory /nowhere"));
    assert_true(says(setting->path, "there is no socket"));
    assert_true(says("keys.example:7070", "did you mean tcp://keys.example:7070"));
    assert_true(says(setting->directory, "is a directory"));
    FILE *file = fopen(setting->path, "w");
    assert_non_null(file);
    fclose(file);
    assert_true(says(setting->path, "is not a socket"));
    unlink(setting->path);
    close(listen_at(setting->path));
    assert_true(says(setting->path, "nobody listens"));
}

static void reach__tells_the_event_socket_from_a_service(void **state)
{
    (void)state;
    char url[128];
    struct fake *fake = fake_start();
    snprintf(url, sizeof url, "%s/events.sock", fake_directory(fake));
    assert_true(says(url, "event socket"));
    fake_stop(fake);
}

static void reach__tells_a_wrong_host_from_a_wrong_port(void **state)
{
    (void)state;
    assert_true(says("tcp://127.0.0.1:1", "nobody listens at tcp://127.0.0.1:1"));
    assert_true(says("tcp://no-such-host.invalid:7070", "the name no-such-host.invalid is not known"));
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        CASE(reach__tells_a_want_of_permission),
        CASE(reach__tells_what_is_in_a_sockets_place),
        CASE(reach__tells_the_event_socket_from_a_service),
        CASE(reach__tells_a_wrong_host_from_a_wrong_port),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
