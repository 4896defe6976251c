/* Children of a process that opens nothing, and of one that did. This program's own process uses nng nowhere:
 * the stand-in for the service is a child, too. */
#include "client/cases.h"

#include <jwkd.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "client/fake_service.h"

enum { CHILDREN = 3 };

struct setting {
    pid_t service;
    int end;               /* the service ends when this is closed */
    char url[128], *token; /* what it is, and has signed */
    char jwks[1024];
};

/* Runs the service until the other end is closed. */
static void serve(int tell, int end)
{
    char nothing;
    struct fake *fake = fake_start();
    fake_create_environment(fake, "shop", false);
    fake_generate(fake, "shop");
    char *token = fake_token(fake, "shop", 0, NULL);
    dprintf(tell, "%s\n%s\n{\"keys\":[%s]}\n", fake_url(fake), token, fake_jwk(fake, "shop", 0));
    close(tell);
    (void)!read(end, &nothing, 1);
    free(token);
    fake_stop(fake);
    _exit(0);
}

static char *read_line(FILE *file)
{
    char *line = NULL;
    size_t size = 0;
    ssize_t length = getline(&line, &size, file);
    assert_true(length > 0);
    line[length - 1] = '\0';
    return line;
}

static int set_up(void **state)
{
    struct setting *setting = calloc(1, sizeof *setting);
    int told[2], end[2];
    assert_int_equal(pipe(told), 0);
    assert_int_equal(pipe(end), 0);
    setting->service = fork();
    if (setting->service == 0) {
        close(told[0]);
        close(end[1]);
        serve(told[1], end[0]);
    }
    close(told[1]);
    close(end[0]);
    setting->end = end[1];
    FILE *file = fdopen(told[0], "r");
    char *url = read_line(file);
    setting->token = read_line(file);
    char *jwks = read_line(file);
    snprintf(setting->url, sizeof setting->url, "%s", url);
    snprintf(setting->jwks, sizeof setting->jwks, "%s", jwks);
    free(url);
    free(jwks);
    fclose(file);
    *state = setting;
    return 0;
}

static int tear_down(void **state)
{
    struct setting *setting = *state;
    close(setting->end);
    waitpid(setting->service, NULL, 0);
    free(setting->token);
    free(setting);
    return 0;
}

/* What a child does; false: what it saw is wrong. */
typedef bool child_work(const struct setting *setting);

static pid_t child_start(const struct setting *setting, child_work *work)
{
    pid_t child = fork();
    if (child == 0) {
        close(setting->end);
        _exit(work(setting) ? 0 : 1);
    }
    return child;
}

static bool child_was_right(pid_t child)
{
    int status = 0;
    return waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static bool opens_its_own(const struct setting *setting)
{
    jwkd_client *client = NULL;
    jwkd_verifier *verifier = NULL;
    bool right =
        jwkd_open(setting->url, NULL, &client, NULL) == JWKD_OK &&
        jwkd_verifier_open(client, "shop", NULL, &verifier, NULL) == JWKD_OK &&
        jwkd_verify(verifier, setting->token, strlen(setting->token), NULL, NULL, NULL) == JWKD_VERDICT_VALID;
    jwkd_verifier_close(verifier);
    jwkd_close(client);
    return right;
}

static bool verifies_by_a_document(const struct setting *setting)
{
    jwkd_verifier *verifier = NULL;
    const jwkd_bytes jwks = {setting->jwks, strlen(setting->jwks)};
    bool right =
        jwkd_verifier_from_jwks(jwks, &verifier, NULL) == JWKD_OK &&
        jwkd_verify(verifier, setting->token, strlen(setting->token), NULL, NULL, NULL) == JWKD_VERDICT_VALID;
    jwkd_verifier_close(verifier);
    return right;
}

/* The first way that works; the second one leaves it open. */
static void fork__lets_each_child_open_its_own(void **state)
{
    struct setting *setting = *state;
    pid_t children[CHILDREN];
    assert_true(verifies_by_a_document(setting)); /* which needs no nng */
    for (size_t i = 0; i < CHILDREN; i++)
        children[i] = child_start(setting, opens_its_own);
    for (size_t i = 0; i < CHILDREN; i++)
        assert_true(child_was_right(children[i]));
}

static bool is_refused(const struct setting *setting)
{
    jwkd_error error = {0};
    jwkd_client *client = NULL;
    const jwkd_client_options background = {.background = true};
    return jwkd_open(setting->url, NULL, &client, &error) == JWKD_FAILED_PRECONDITION &&
           error.status == JWKD_FAILED_PRECONDITION && strstr(error.message, "fork") &&
           jwkd_open(setting->url, &background, &client, NULL) == JWKD_FAILED_PRECONDITION && !client &&
           verifies_by_a_document(setting);
}

static bool has_children_who_may_not(const struct setting *setting)
{
    return opens_its_own(setting) && child_was_right(child_start(setting, is_refused)) &&
           opens_its_own(setting);
}

/* Whether the service was there does not matter: trying is enough. */
static bool has_children_after_it_tried(const struct setting *setting)
{
    jwkd_client *client = NULL;
    return jwkd_open("/nowhere/rpc.sock", NULL, &client, NULL) == JWKD_UNREACHABLE &&
           child_was_right(child_start(setting, is_refused));
}

static void fork__refuses_to_open_where_the_parent_did(void **state)
{
    struct setting *setting = *state;
    assert_true(child_was_right(child_start(setting, has_children_who_may_not)));
    assert_true(child_was_right(child_start(setting, has_children_after_it_tried)));
}

static bool has_grandchildren(const struct setting *setting)
{
    return child_was_right(child_start(setting, opens_its_own)) && opens_its_own(setting);
}

static void fork__counts_what_was_opened_and_not_how_often_one_forked(void **state)
{
    assert_true(child_was_right(child_start(*state, has_grandchildren)));
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        CASE(fork__lets_each_child_open_its_own),
        CASE(fork__refuses_to_open_where_the_parent_did),
        CASE(fork__counts_what_was_opened_and_not_how_often_one_forked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
