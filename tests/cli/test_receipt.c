/* First, since cmocka has a macro of the name fail(). */
#include "cli/receipt.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cli/subscriber.h"

enum { NOW = 1700000000 };

#define SUBSCRIBER(id, called)                                    \
    .subscriber = {.instance = id "0000000000000000000000000000", \
        .name = (called),                                         \
        .principal = "uid:7",                                     \
        .environment = "prod",                                    \
        .revision = 9,                                            \
        .behind = 0,                                              \
        .lease_ms = 30000,                                        \
        .last_seen_ms = 12000,                                    \
        .registered_ms = 60000}

/* Three subscribers: one has confirmed, one has not, one is gone. */
static jwkd_receipt example(jwkd_receipt_line lines[3])
{
    jwkd_receipt_line all[] = {{SUBSCRIBER("aaaa", "gateway"), .confirmed = true, .after_us = 850},
        {SUBSCRIBER("bbbb", "billing")}, {SUBSCRIBER("cccc", ""), .gone = true}};
    memcpy(lines, all, sizeof all);
    return (jwkd_receipt){.environment = "prod",
        .kid = "abc",
        .revision = 9,
        .at = NOW,
        .effective_in_ms = 28100,
        .effective_everywhere_by = NOW + 29,
        .last_expiry = NOW + 840,
        .count = 3,
        .lines = lines};
}

static void assert_text(void (*print)(FILE *, const jwkd_receipt *, const jwkd_receipt *),
    const jwkd_receipt *receipt, const jwkd_receipt *before, const char *expected)
{
    char *text = NULL;
    size_t size = 0;
    FILE *stream = open_memstream(&text, &size);
    assert_non_null(stream);
    print(stream, receipt, before);
    fclose(stream);
    assert_string_equal(text, expected);
    free(text);
}

static void print_sum(FILE *stream, const jwkd_receipt *receipt, const jwkd_receipt *before)
{
    (void)before;
    receipt_print_sum(stream, receipt, NOW);
}

static void receipt_sum__tells_who_is_missing_and_the_bound(void **state)
{
    (void)state;
    jwkd_receipt_line lines[3];
    jwkd_receipt receipt = example(lines);
    assert_text(print_sum, &receipt, NULL,
        "  billing (bbbb0000) has not confirmed, last seen 12 s ago\n"
        "1 of 3 subscribers refuse it, the last after 0.8 ms\n"
        "refused everywhere by 2023-11-14T22:13:49Z (in 29 s), whoever answers\n"
        "not counted: whoever was given the key, or a copy of the JWKS, by hand\n"
        "its tokens would have lived until 2023-11-14T22:27:20Z (in 14m)\n");
    receipt.effective_in_ms = 0;
    receipt.bounded = true;
    receipt.last_expiry = NOW - 1;
    receipt.jwks_max_age_sec = 300;
    assert_text(print_sum, &receipt, NULL,
        "  billing (bbbb0000) has not confirmed, last seen 12 s ago\n"
        "1 of 3 subscribers refuse it, the last after 0.8 ms\n"
        "refused everywhere: every lease has run out\n"
        "not counted: readers of the JWKS over HTTP, who may keep it for 5m; and whoever was given the key "
        "by "
        "hand\n"
        "the last of its tokens had expired by 2023-11-14T22:13:19Z\n");
}

static void receipt_sum__of_all_who_confirmed(void **state)
{
    (void)state;
    jwkd_receipt_line lines[3];
    jwkd_receipt receipt = example(lines);
    lines[1].confirmed = lines[2].confirmed = true;
    lines[1].after_us = 3100;
    receipt.complete = true;
    receipt.last_expiry = 0;
    assert_text(print_sum, &receipt, NULL,
        "3 of 3 subscribers refuse it, the last after 3.1 ms\n"
        "refused everywhere\n"
        "not counted: whoever was given the key, or a copy of the JWKS, by hand\n"
        "it signed no token\n");
}

static void receipt_sum__names_who_serves_stale_keys(void **state)
{
    (void)state;
    jwkd_receipt_line lines[3];
    jwkd_receipt receipt = example(lines);
    /* One that has confirmed, or is gone, bounds nothing. */
    lines[0].subscriber.serves_stale = lines[1].subscriber.serves_stale = lines[2].subscriber.serves_stale =
        true;
    receipt.unbounded = true;
    assert_text(print_sum, &receipt, NULL,
        "  billing (bbbb0000) has not confirmed, last seen 12 s ago\n"
        "1 of 3 subscribers refuse it, the last after 0.8 ms\n"
        "unbounded: billing (bbbb0000) serves stale keys\n"
        "refused by everybody else by 2023-11-14T22:13:49Z (in 29 s), whoever answers\n"
        "not counted: whoever was given the key, or a copy of the JWKS, by hand\n"
        "its tokens would have lived until 2023-11-14T22:27:20Z (in 14m)\n");
    assert_false(receipt_is_final(&receipt));
    receipt.effective_in_ms = 0;
    assert_true(receipt_is_final(&receipt));
}

static void receipt_sum__without_subscribers(void **state)
{
    (void)state;
    const jwkd_receipt receipt = {.complete = true, .lines = NULL};
    assert_text(print_sum, &receipt, NULL,
        "no subscriber is known that followed it\n"
        "refused everywhere\n"
        "not counted: whoever was given the key, or a copy of the JWKS, by hand\n"
        "it signed no token\n");
}

static void receipt_news__are_told_once(void **state)
{
    (void)state;
    jwkd_receipt_line lines[3], then[3];
    jwkd_receipt before = example(lines), after = example(then);
    assert_text(receipt_print_news, &before, NULL,
        "  gateway (aaaa0000) refuses it, after 0.8 ms\n"
        "  (no name) (cccc0000) is gone\n");
    assert_true(receipt_has_news(&before, NULL));
    assert_false(receipt_has_news(&after, &before));
    assert_text(receipt_print_news, &after, &before, "");
    /* In another order, too. */
    then[1].confirmed = true;
    then[1].after_us = 1200000;
    jwkd_receipt_line moved = then[0];
    then[0] = then[1];
    then[1] = moved;
    assert_text(receipt_print_news, &after, &before, "  billing (bbbb0000) refuses it, after 1.2 s\n");
}

/* A subscriber calls itself what it likes. */
static void receipt_news__let_no_control_character_through(void **state)
{
    (void)state;
    jwkd_receipt_line lines[3];
    jwkd_receipt receipt = example(lines);
    lines[0].subscriber.name = "eve\n\033[2J";
    lines[2].gone = false;
    assert_text(receipt_print_news, &receipt, NULL, "  eve??[2J (aaaa0000) refuses it, after 0.8 ms\n");
}

static void receipt_progress__rounds_its_bound_up(void **state)
{
    (void)state;
    jwkd_receipt_line lines[3];
    const jwkd_receipt receipt = example(lines);
    char text[RECEIPT_TEXT_SIZE];
    receipt_format_progress(&receipt, text);
    assert_string_equal(text, "1 of 3 subscribers refuse it; at most 29 s more");
}

static void assert_json(json_t *value, const char *expected)
{
    assert_non_null(value);
    char *text = json_dumps(value, JSON_COMPACT);
    assert_non_null(text);
    assert_string_equal(text, expected);
    free(text);
    json_decref(value);
}

static void receipt_sum__of_an_earlier_run_says_what_is_not_known(void **state)
{
    (void)state;
    const jwkd_receipt receipt = {.bounded = true, .forgotten = true};
    assert_text(print_sum, &receipt, NULL,
        "who followed it then is not known: that was before the service's last start, or long ago\n"
        "refused by all but those who serve stale keys, if there are any, for every lease has run out\n"
        "not counted: whoever was given the key, or a copy of the JWKS, by hand\n"
        "it signed no token\n");
}

static void receipt_json__has_the_promised_members(void **state)
{
    (void)state;
    jwkd_receipt_line lines[3];
    jwkd_receipt receipt = example(lines);
    receipt.count = 2;
    assert_json(receipt_json(&receipt),
        "{\"revision\":9,\"at\":1700000000,\"complete\":false,\"bounded\":false,\"unbounded\":false,"
        "\"forgotten\":false,"
        "\"effective_in_ms\":28100,\"effective_everywhere_by\":1700000029,\"last_expiry\":1700000840,"
        "\"jwks_max_age_sec\":0,\"subscribers\":["
        "{\"instance\":\"aaaa0000000000000000000000000000\",\"name\":\"gateway\",\"principal\":\"uid:7\","
        "\"environment\":\"prod\",\"revision\":9,\"behind\":0,\"lease_ms\":30000,\"on_stale\":\"refuse\","
        "\"last_seen_ms\":12000,\"registered_ms\":60000,\"confirmed\":true,\"gone\":false,\"after_us\":850},"
        "{\"instance\":\"bbbb0000000000000000000000000000\",\"name\":\"billing\",\"principal\":\"uid:7\","
        "\"environment\":\"prod\",\"revision\":9,\"behind\":0,\"lease_ms\":30000,\"on_stale\":\"refuse\","
        "\"last_seen_ms\":12000,\"registered_ms\":60000,\"confirmed\":false,\"gone\":false,\"after_us\":null}"
        "]}");
    const jwkd_receipt nobody = {.revision = 1, .complete = true, .bounded = true, .unbounded = true};
    assert_json(receipt_json(&nobody),
        "{\"revision\":1,\"at\":0,\"complete\":true,\"bounded\":true,\"unbounded\":true,\"forgotten\":false,"
        "\"effective_in_ms\":"
        "0,"
        "\"effective_everywhere_by\":0,\"last_expiry\":null,\"jwks_max_age_sec\":0,\"subscribers\":[]}");
}

static void subscriber_json__says_what_it_does_when_stale(void **state)
{
    (void)state;
    const jwkd_subscriber subscriber = {.instance = "aa",
        .name = "a\xff",
        .principal = "uid:7",
        .environment = "prod",
        .revision = 3,
        .behind = 2,
        .lease_ms = 3000,
        .serves_stale = true,
        .last_seen_ms = 1,
        .registered_ms = 4};
    assert_json(subscriber_json(&subscriber),
        "{\"instance\":\"aa\",\"name\":\"a?\",\"principal\":\"uid:7\",\"environment\":\"prod\",\"revision\":"
        "3,"
        "\"behind\":2,\"lease_ms\":3000,\"on_stale\":\"serve\",\"last_seen_ms\":1,\"registered_ms\":4}");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(receipt_sum__tells_who_is_missing_and_the_bound),
        cmocka_unit_test(receipt_sum__of_all_who_confirmed),
        cmocka_unit_test(receipt_sum__names_who_serves_stale_keys),
        cmocka_unit_test(receipt_sum__of_an_earlier_run_says_what_is_not_known),
        cmocka_unit_test(receipt_sum__without_subscribers),
        cmocka_unit_test(receipt_news__are_told_once),
        cmocka_unit_test(receipt_news__let_no_control_character_through),
        cmocka_unit_test(receipt_progress__rounds_its_bound_up),
        cmocka_unit_test(receipt_json__has_the_promised_members),
        cmocka_unit_test(subscriber_json__says_what_it_does_when_stale),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
