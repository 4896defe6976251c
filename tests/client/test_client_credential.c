/* What a client sends as its credential, and what it does with what it is denied. */
#include "client/cases.h"

#include <fcntl.h>
#include <jwkd.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "client/fake_service.h"
#include "lib/connection/credential.h"

enum { LONG_MS = 60000 };

struct setting {
    struct fake *fake;
    char folder[32], file[64];
};

static int set_up(void **state)
{
    struct setting *setting = calloc(1, sizeof *setting);
    setting->fake = fake_start();
    fake_create_environment(setting->fake, "shop", false);
    fake_generate(setting->fake, "shop");
    strcpy(setting->folder, "/tmp/jwkd-token.XXXXXX");
    assert_non_null(mkdtemp(setting->folder));
    snprintf(setting->file, sizeof setting->file, "%s/token", setting->folder);
    unsetenv("JWKD_TOKEN_FILE");
    *state = setting;
    return 0;
}

static int tear_down(void **state)
{
    struct setting *setting = *state;
    fake_stop(setting->fake);
    unlink(setting->file);
    rmdir(setting->folder);
    free(setting);
    return 0;
}

/* In the place of what is there: another file. */
static void write_file(const struct setting *setting, const char *text, mode_t mode)
{
    char other[80];
    snprintf(other, sizeof other, "%s.new", setting->file);
    int fd = open(other, O_WRONLY | O_CREAT | O_EXCL, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    assert_int_equal(fchmod(fd, mode), 0);
    close(fd);
    assert_int_equal(rename(other, setting->file), 0);
}

static jwkd_status open_with(
    const struct setting *setting, const char *token_file, jwkd_client **out, jwkd_error *error)
{
    const jwkd_client_options options = {.timeout_ms = LONG_MS, .token_file = token_file};
    return jwkd_open(fake_url(setting->fake), &options, out, error);
}

static void expect_credential(struct setting *setting, jwkd_client *client, const char *wanted)
{
    char last[128];
    unsigned without;
    assert_int_equal(jwkd_ping(client, NULL, NULL), JWKD_OK);
    fake_last_credential(setting->fake, last, &without);
    assert_string_equal(last, wanted);
    assert_int_equal(without == 0, *wanted != '\0');
}

static void credential__goes_with_every_request(void **state)
{
    struct setting *setting = *state;
    jwkd_client *client;
    write_file(setting, "jwkd_one\n", 0600);
    assert_int_equal(open_with(setting, setting->file, &client, NULL), JWKD_OK);
    expect_credential(setting, client, "jwkd_one"); /* the first hello had it, too */
    jwkd_close(client);
}

static void credential__comes_from_the_environment_unless_said(void **state)
{
    struct setting *setting = *state;
    jwkd_client *client;
    write_file(setting, "jwkd_one", 0400);
    setenv("JWKD_TOKEN_FILE", setting->file, 1);
    assert_int_equal(open_with(setting, NULL, &client, NULL), JWKD_OK);
    expect_credential(setting, client, "jwkd_one");
    jwkd_close(client);
    assert_int_equal(open_with(setting, "", &client, NULL), JWKD_OK);
    expect_credential(setting, client, "");
    jwkd_close(client);
}

static void credential__that_cannot_be_one_is_refused(void **state)
{
    struct setting *setting = *state;
    static const struct {
        const char *text;
        mode_t mode;
        const char *says;
    } cases[] = {{"jwkd_one", 0640, "chmod 600"}, {"jwkd_one", 0604, "chmod 600"}, {"", 0600, "is empty"},
        {"\njwkd_one", 0600, "is empty"}, {"two words", 0600, "holds no token"},
        {"caf\xc3\xa9", 0600, "holds no token"}};
    jwkd_client *client = NULL;
    jwkd_error error = {0};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        write_file(setting, cases[i].text, cases[i].mode);
        assert_int_equal(open_with(setting, setting->file, &client, &error), JWKD_UNAUTHENTICATED);
        if (!strstr(error.message, cases[i].says)) fail_msg("%s", error.message);
    }
    assert_int_equal(open_with(setting, "/nowhere/token", &client, &error), JWKD_UNAUTHENTICATED);
    assert_non_null(strstr(error.message, "cannot be read"));
    assert_int_equal(open_with(setting, setting->folder, &client, &error), JWKD_UNAUTHENTICATED);
}

static void credential__of_a_pipe_is_read_once(void **state)
{
    int ends[2];
    char path[32], large[LIMIT_CREDENTIAL + 3];
    struct credential *credential;
    CLEANUP(buffer_clear) struct buffer token = {0};
    (void)state;
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(write(ends[1], "jwkd_one\n", 9), 9);
    close(ends[1]);
    snprintf(path, sizeof path, "/dev/fd/%d", ends[0]);
    assert_int_equal(credential_open(path, &credential, NULL), JWKD_OK);
    close(ends[0]);
    assert_int_equal(credential_copy(credential, &token), JWKD_OK);
    assert_true(bytes_equal_text(buffer_bytes(&token), "jwkd_one"));
    credential_free(credential);
    assert_int_equal(pipe(ends), 0);
    memset(large, 'a', sizeof large);
    assert_int_equal(write(ends[1], large, sizeof large), sizeof large);
    close(ends[1]);
    snprintf(path, sizeof path, "/dev/fd/%d", ends[0]);
    assert_int_equal(credential_open(path, &credential, NULL), JWKD_UNAUTHENTICATED);
    close(ends[0]);
}

static bool is_token(struct credential *credential, const char *wanted)
{
    CLEANUP(buffer_clear) struct buffer token = {0};
    assert_int_equal(credential_copy(credential, &token), JWKD_OK);
    return bytes_equal_text(buffer_bytes(&token), wanted);
}

/* The file is not looked at with every request. */
static void await_token(struct credential *credential, const char *wanted)
{
    for (int left = LONG_MS / 5; !is_token(credential, wanted); left--) {
        assert_true(left > 0);
        nanosleep(&(struct timespec){.tv_nsec = 5 * 1000 * 1000}, NULL);
    }
}

static void credential__is_read_anew_when_its_file_changes(void **state)
{
    struct setting *setting = *state;
    struct credential *credential;
    write_file(setting, "jwkd_one", 0600);
    assert_int_equal(credential_open(setting->file, &credential, NULL), JWKD_OK);
    write_file(setting, "jwkd_two", 0600);
    await_token(credential, "jwkd_two");
    write_file(setting, "jwkd_bad", 0644); /* is not taken, and the one before goes on */
    assert_true(is_token(credential, "jwkd_two"));
    write_file(setting, "jwkd_three", 0600);
    await_token(credential, "jwkd_three");
    unlink(setting->file);
    assert_true(is_token(credential, "jwkd_three"));
    credential_free(credential);
}

static void denial__is_told_with_its_id(void **state)
{
    struct setting *setting = *state;
    static char id[] = "0123456789";
    jwkd_client *client;
    jwkd_key_list *keys;
    jwkd_error error = {0};
    assert_int_equal(open_with(setting, NULL, &client, NULL), JWKD_OK);
    assert_int_equal(jwkd_get_keys(client, "none", &keys, &error), JWKD_UNSUPPORTED);
    assert_null(strstr(error.message, "(denial"));
    fake_give_denial(setting->fake, id);
    assert_int_equal(jwkd_get_keys(client, "none", &keys, &error), JWKD_UNSUPPORTED);
    assert_non_null(strstr(error.message, " (denial 0123456789)"));
    jwkd_close(client);
}

/* It dials no event socket: it was given none. */
static void verifier__that_may_not_hear_is_told_at_once(void **state)
{
    struct setting *setting = *state;
    jwkd_client *client;
    jwkd_verifier *verifier = NULL;
    jwkd_error error = {0};
    fake_forbid_events(setting->fake, true);
    assert_int_equal(open_with(setting, NULL, &client, NULL), JWKD_OK);
    assert_int_equal(jwkd_verifier_open(client, "shop", NULL, &verifier, &error), JWKD_DENIED);
    assert_non_null(strstr(error.message, "may not hear events"));
    fake_forbid_events(setting->fake, false); /* the right was granted */
    assert_int_equal(jwkd_verifier_open(client, "shop", NULL, &verifier, &error), JWKD_OK);
    jwkd_verifier_close(verifier);
    jwkd_close(client);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(credential__goes_with_every_request),
        CASE(credential__comes_from_the_environment_unless_said),
        CASE(credential__that_cannot_be_one_is_refused),
        CASE(credential__of_a_pipe_is_read_once),
        CASE(credential__is_read_anew_when_its_file_changes),
        CASE(denial__is_told_with_its_id),
        CASE(verifier__that_may_not_hear_is_told_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
