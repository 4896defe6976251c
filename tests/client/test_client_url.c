#include "client/cases.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "wire/url.h"

static void url__reads_what_is_documented(void **state)
{
    (void)state;
    struct url url;
    assert_int_equal(url_parse("/run/x/rpc.sock", &url, NULL), JWKD_OK);
    assert_int_equal(url.transport, TRANSPORT_IPC);
    assert_string_equal(url.text, "ipc:///run/x/rpc.sock");
    assert_string_equal(url.place, "/run/x");
    assert_int_equal(url_parse("ipc:///rpc.sock", &url, NULL), JWKD_OK);
    assert_string_equal(url.place, "/");
    assert_int_equal(url_parse("rpc.sock", &url, NULL), JWKD_OK);
    assert_string_equal(url.place, ".");
    assert_int_equal(url_parse("tcp://keys.example:7001", &url, NULL), JWKD_OK);
    assert_int_equal(url.transport, TRANSPORT_TCP);
    assert_string_equal(url.text, "tcp://keys.example:7001");
    assert_string_equal(url.place, "keys.example");
    assert_int_equal(url_parse("tcp://[::1]:7001", &url, NULL), JWKD_OK);
    assert_string_equal(url.place, "[::1]");
}

static void url__refuses_the_rest(void **state)
{
    (void)state;
    static const char *const BAD[] = {"", "ipc://", "tcp://", "tcp://host", "tcp://host:", "tcp://host:0",
        "tcp://host:65536", "tcp://host:70x", "tcp://:7001", "tcp://::1:7001", "tcp://a b:7001",
        "http://host:7001", "ws://host:7001", "tls+tcp://h:1"};
    struct url url;
    for (size_t i = 0; i < sizeof BAD / sizeof *BAD; i++) {
        jwkd_error error = {0};
        assert_int_equal(url_parse(BAD[i], &url, &error), JWKD_INVALID_ARGUMENT);
        assert_int_equal(error.status, JWKD_INVALID_ARGUMENT);
    }
    char longest[200] = "/";
    memset(longest + 1, 'a', sizeof longest - 2);
    longest[108] = '\0';
    assert_int_equal(url_parse(longest, &url, NULL), JWKD_INVALID_ARGUMENT);
    longest[107] = '\0';
    assert_int_equal(url_parse(longest, &url, NULL), JWKD_OK);
}

static void says(const char *url, const char *words)
{
    struct url parsed;
    jwkd_error error = {0};
    assert_int_equal(url_parse(url, &parsed, &error), JWKD_INVALID_ARGUMENT);
    if (!strstr(error.message, words)) fail_msg("%s: \"%s\" does not say \"%s\"", url, error.message, words);
}

static void url__says_what_is_wrong(void **state)
{
    (void)state;
    says("http://host:7001", "not with http://");
    says("tcp://host", "no port");
    says("tcp://host:", "no port");
    says("tcp://[::1]", "no port");
    says("tcp://host:99999", "99999 is no port");
    says("tcp://host:rpc", "rpc is no port");
    says("tcp://:7001", "names no host");
    says("tcp://::1:7001", "brackets");
}

static void url__without_one_looks_in_the_documented_places(void **state)
{
    (void)state;
    struct url url;
    setenv("JWKD_URL", "tcp://127.0.0.1:9", 1);
    assert_int_equal(url_parse(NULL, &url, NULL), JWKD_OK);
    assert_string_equal(url.text, "tcp://127.0.0.1:9");
    unsetenv("JWKD_URL");
    setenv("XDG_RUNTIME_DIR", "/nowhere", 1);
    assert_int_equal(url_parse(NULL, &url, NULL), JWKD_OK);
    assert_string_equal(url.text, "ipc:///run/jwkd/rpc.sock");
}

static bool follows(const char *dialled, const char *offered, const char *expected)
{
    struct url from, to;
    assert_int_equal(url_parse(dialled, &from, NULL), JWKD_OK);
    if (url_follow(&from, offered, &to) != JWKD_OK) return false;
    if (expected) assert_string_equal(to.text, expected);
    return true;
}

static void url__follows_only_to_the_same_place(void **state)
{
    (void)state;
    assert_true(follows("/run/x/rpc.sock", "ipc:///run/x/events.sock", "ipc:///run/x/events.sock"));
    assert_false(follows("/run/x/rpc.sock", "ipc:///run/y/events.sock", NULL));
    assert_false(follows("/run/x/rpc.sock", "ipc:///run/x/../y/events.sock", NULL));
    assert_false(follows("/run/x/rpc.sock", "tcp://127.0.0.1:7001", NULL));
    assert_false(follows("/run/x/rpc.sock", "/run/x/events.sock", NULL));
    assert_true(follows("tcp://keys.example:7001", "tcp://keys.example:7002", "tcp://keys.example:7002"));
    assert_true(follows("tcp://keys.example:7001", "tcp://:7002", "tcp://keys.example:7002"));
    assert_true(follows("tcp://[::1]:7001", "tcp://:7002", "tcp://[::1]:7002"));
    assert_false(follows("tcp://keys.example:7001", "tcp://other.example:7002", NULL));
    assert_false(follows("tcp://keys.example:7001", "ipc:///run/x/events.sock", NULL));
    assert_false(follows("tcp://keys.example:7001", "tls+tcp://keys.example:7002", NULL));
}

static void url__knows_the_loopback_by_its_names(void **state)
{
    (void)state;
    assert_true(follows("tcp://127.0.0.1:7001", "tcp://localhost:7002", "tcp://127.0.0.1:7002"));
    assert_true(follows("tcp://[::1]:7001", "tcp://LocalHost:7002", "tcp://[::1]:7002"));
    assert_true(follows("tcp://localhost:7001", "tcp://127.0.0.1:7002", "tcp://127.0.0.1:7002"));
    assert_true(follows("tcp://localhost:7001", "tcp://[::1]:7002", "tcp://[::1]:7002"));
    assert_true(follows("tcp://127.0.0.1:7001", "tcp://[0:0::1]:7002", "tcp://[0:0::1]:7002"));
    assert_true(follows("tcp://[fd00::1]:7001", "tcp://[FD00:0::1]:7002", "tcp://[FD00:0::1]:7002"));
    assert_true(follows("tcp://[::ffff:10.0.0.1]:7001", "tcp://10.0.0.1:7002", "tcp://10.0.0.1:7002"));
    assert_false(follows("tcp://10.0.0.1:7001", "tcp://localhost:7002", NULL));
    assert_false(follows("tcp://localhost:7001", "tcp://10.0.0.1:7002", NULL));
    assert_false(follows("tcp://keys.example:7001", "tcp://localhost:7002", NULL));
    assert_false(follows("tcp://localhost:7001", "tcp://localhost.example:7002", NULL));
    assert_false(follows("tcp://127.0.0.1:7001", "tcp://127.0.0.1.example:7002", NULL));
    assert_false(follows("tcp://[::1]:7001", "tcp://[::2]:7002", NULL));
    assert_false(follows("tcp://[fd00::1]:7001", "tcp://[fd00::2]:7002", NULL));
    assert_false(follows("tcp://[::1]:7001", "tcp://[:7002", NULL));
}

static void url__knows_a_directory_by_another_name(void **state)
{
    (void)state;
    char directory[] = "/tmp/jwkd-url-XXXXXX", other[64], dialled[96], offered[96];
    assert_non_null(mkdtemp(directory));
    snprintf(other, sizeof other, "%s-link", directory);
    assert_int_equal(symlink(directory, other), 0);
    snprintf(dialled, sizeof dialled, "%s/rpc.sock", other);
    snprintf(offered, sizeof offered, "ipc://%s/events.sock", directory);
    assert_true(follows(dialled, offered, offered));
    unlink(other);
    rmdir(directory);
}

static bool same(const char *one, const char *other)
{
    struct url a, b;
    assert_int_equal(url_parse(one, &a, NULL), JWKD_OK);
    assert_int_equal(url_parse(other, &b, NULL), JWKD_OK);
    return url_same(&a, &b);
}

static void url__knows_a_socket_by_another_name(void **state)
{
    (void)state;
    assert_true(same("/tmp/rpc.sock", "ipc:///tmp/rpc.sock"));
    assert_true(same("/tmp/rpc.sock", "/tmp/../tmp/rpc.sock"));
    assert_false(same("/tmp/rpc.sock", "/tmp/events.sock"));
    assert_false(same("/tmp/rpc.sock", "/proc/rpc.sock"));
    assert_true(same("tcp://keys.example:7001", "tcp://KEYS.example:7001"));
    assert_false(same("tcp://keys.example:7001", "tcp://keys.example:7002"));
    assert_false(same("tcp://keys.example:7001", "/tmp/rpc.sock"));
}

static void url__trusts_root_and_the_owner(void **state)
{
    (void)state;
    struct url url;
    assert_int_equal(url_parse("/proc/self/x.sock", &url, NULL), JWKD_OK);
    assert_true(url_trusts_uid(&url, 0));
    assert_true(url_trusts_uid(&url, geteuid()));
    assert_false(url_trusts_uid(&url, geteuid() + 4321));
    assert_int_equal(url_parse("/nowhere/x.sock", &url, NULL), JWKD_OK);
    assert_false(url_trusts_uid(&url, 4321));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(url__reads_what_is_documented),
        cmocka_unit_test(url__refuses_the_rest),
        cmocka_unit_test(url__says_what_is_wrong),
        cmocka_unit_test(url__without_one_looks_in_the_documented_places),
        cmocka_unit_test(url__follows_only_to_the_same_place),
        cmocka_unit_test(url__knows_the_loopback_by_its_names),
        cmocka_unit_test(url__knows_a_directory_by_another_name),
        cmocka_unit_test(url__knows_a_socket_by_another_name),
        cmocka_unit_test(url__trusts_root_and_the_owner),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
