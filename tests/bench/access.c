/* What it costs to ask who may: a look-up among many grants and tokens, and a signature by a token beside one
 * without. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "access/book.h"
#include "bench/bench.h"

enum { GRANTS = 1000, TOKENS = 10000, CHECKS = 2000 };

/* A book as a large service has one, and one of its tokens. */
struct library {
    struct access_change changes[GRANTS + TOKENS];
    size_t count;
    struct book *book;
    char text[API_TOKEN_SIZE + 1]; /* of the last token */
    uint8_t digest[SHA256_SIZE];
};

static void library_clear(struct library *library)
{
    for (size_t i = 0; i < library->count; i++)
        access_entry_unref(library->changes[i].entry);
    book_unref(library->book);
}

static jwkd_status add(struct library *library, struct access_entry *entry)
{
    if (!entry) return JWKD_NO_MEMORY;
    library->changes[library->count++] =
        (struct access_change){.kind = entry->kind, .id = entry->id, .entry = entry};
    return JWKD_OK;
}

static jwkd_status fill(struct library *library)
{
    char id[ACCESS_GRANT_ID + 1], principal[32], environment[32], token_id[API_TOKEN_ID + 1];
    for (unsigned i = 0; i < GRANTS; i++) {
        snprintf(id, sizeof id, "%016x", i);
        snprintf(principal, sizeof principal, "account:service-%u", i % 500);
        snprintf(environment, sizeof environment, i % 10 ? "tenant-%u" : "tenant-*", i);
        struct access_grant *grant = access_grant_new(&(struct access_grant){.entry = {.id = id},
            .principal = principal,
            .environment = environment,
            .environment_id = i % 10 ? i + 1 : 0,
            .role = i < 500 ? ROLE_SIGNER : ROLE_OPERATOR});
        TRY(add(library, grant ? &grant->entry : NULL));
    }
    for (unsigned i = 0; i < TOKENS; i++) {
        struct access_token from = {.account = "service-7"};
        TRY(api_token_mint(library->text, token_id, from.digest));
        from.entry.id = token_id;
        memcpy(library->digest, from.digest, sizeof from.digest);
        struct access_token *token = access_token_new(&from);
        TRY(add(library, token ? &token->entry : NULL));
    }
    return book_next(NULL, library->changes, library->count, 1, &library->book);
}

/* As the door does: whose the token is, and what he may. */
static bool check(const struct library *library, bool by_token)
{
    const struct access_who who = {.principal = "account:service-7"};
    const struct access_where where = {.environment = "tenant-7", .id = 8};
    if (by_token) {
        char id[API_TOKEN_ID + 1];
        uint8_t digest[SHA256_SIZE];
        if (!api_token_read(bytes_of_text(library->text), id, digest)) return false;
        const struct access_entry *entry = book_find(library->book, ACCESS_TOKEN, id);
        if (!entry || !api_token_is(((const struct access_token *)(const void *)entry)->digest, digest))
            return false;
    }
    return (book_rights(library->book, &who, where) & RIGHT_SIGN) != 0;
}

/* One SHA-256 of a secret, which a token takes in any case. */
static double time_digest(const struct library *library)
{
    uint8_t digest[SHA256_SIZE];
    double begin = now_sec();
    for (int i = 0; i < CHECKS; i++)
        (void)!alg_sha256(bytes_of(library->text + 16, API_TOKEN_SECRET), digest);
    return (now_sec() - begin) * 1e6 / CHECKS;
}

static double time_checks(const struct library *library, bool by_token, bool *out_right)
{
    bool right = true;
    double begin = now_sec();
    for (int i = 0; i < CHECKS; i++)
        right &= check(library, by_token);
    *out_right &= right;
    return (now_sec() - begin) * 1e6 / CHECKS;
}

static jwkd_status compare_checks(
    const struct bench *bench, const struct library *library, bool by_token, jwkd_error *error)
{
    const size_t rounds = bench->quick ? 3 : 400;
    CLEANUP(samples_clear) struct samples ours = {0}, floor = {0};
    bool right = true;
    TRY(samples_new(rounds, &ours));
    TRY(samples_new(rounds, &floor));
    for (size_t i = 0; i < rounds; i++) {
        samples_add(&floor, time_digest(library));
        samples_add(&ours, time_checks(library, by_token, &right));
    }
    if (!right) return fail(error, JWKD_INTERNAL, "a right is not found");
    struct figure figure = {.bench = "access",
        .name = by_token ? "token" : "check",
        .unit = "us",
        .latency = true,
        .p50 = samples_quantile(&ours, 0.5),
        .p99 = samples_quantile(&ours, 0.99),
        .floor = samples_quantile(&floor, 0.5),
        .goal = GOAL_VALUE_UNDER,
        .limit = 1};
    figure.value = figure.p50;
    figure.ratio = figure.p50 / figure.floor;
    report_figure(bench, &figure);
    return JWKD_OK;
}

/* ---- signing */

static jwkd_status sign_some(jwkd_client *client, size_t count, struct samples *out, jwkd_error *error)
{
    static const char CLAIMS[] = "{\"sub\":\"bench\"}";
    const jwkd_sign_item item = {.claims = {.data = CLAIMS, .size = sizeof CLAIMS - 1}};
    for (size_t i = 0; i < count; i++) {
        CLEANUP(block_free_at) char *token = NULL;
        double begin = now_sec();
        TRY(jwkd_sign(client, "bench", &item, &token, error));
        samples_add(out, (now_sec() - begin) * 1e6);
    }
    return JWKD_OK;
}

static jwkd_status make_key(jwkd_client *client, jwkd_error *error)
{
    CLEANUP(block_free_at) jwkd_key_answer *key = NULL;
    const jwkd_generate_options options = {.wait_ms = 20000, .now = true};
    TRY(make_environment(client, "bench", "ES256", 0, error));
    return jwkd_generate(client, "bench", &options, &key, error);
}

static jwkd_status compare_signing(const struct bench *bench, jwkd_error *error)
{
    const size_t rounds = bench->quick ? 2 : 40, calls = bench->quick ? 5 : 100;
    CLEANUP(daemon_clear) struct daemon daemon = {0};
    CLEANUP(jwkd_close_at) jwkd_client *by_user = NULL, *by_token = NULL;
    CLEANUP(samples_clear) struct samples ours = {0}, floor = {0};
    TRY(samples_new(rounds * calls, &ours));
    TRY(samples_new(rounds * calls, &floor));
    TRY(daemon_start(&daemon, bench, 0, error));
    TRY(connect_to(&daemon, &by_user, error));
    TRY(make_key(by_user, error));
    TRY(daemon_make_token(&daemon, error));
    const jwkd_client_options options = {.name = "jwkd-bench", .token_file = daemon.token_file};
    TRY(jwkd_open(daemon.url, &options, &by_token, error));
    for (size_t i = 0; i < rounds; i++) {
        TRY(sign_some(by_user, calls, &floor, error));
        TRY(sign_some(by_token, calls, &ours, error));
    }
    struct figure figure = {.bench = "access",
        .name = "sign-by-token",
        .unit = "us",
        .latency = true,
        .p50 = samples_quantile(&ours, 0.5),
        .p99 = samples_quantile(&ours, 0.99),
        .floor = samples_quantile(&floor, 0.5),
        .goal = GOAL_RATIO_AT_MOST,
        .limit = 1.05};
    figure.ratio = figure.p50 / figure.floor;
    report_figure(bench, &figure);
    return JWKD_OK;
}

jwkd_status bench_access(const struct bench *bench, jwkd_error *error)
{
    struct library *library = calloc(1, sizeof *library);
    jwkd_status status = library ? fill(library) : JWKD_NO_MEMORY;
    if (status != JWKD_OK) fail(error, status, "no book could be made");
    for (int by_token = 0; status == JWKD_OK && by_token < 2; by_token++)
        if (bench_wants(bench, by_token ? "token" : "check"))
            status = compare_checks(bench, library, by_token, error);
    if (status == JWKD_OK && bench_wants(bench, "sign-by-token")) status = compare_signing(bench, error);
    if (library) library_clear(library);
    free(library);
    return status;
}
