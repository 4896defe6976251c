/* Whose request it is, by its credential. */
#include "keyring/ring.h"

#include "access/api_token.h"
#include "operations/credential.h"

enum { NOW = 1800000000, ENDS = NOW + 100 };

struct scene {
    struct access_token *token;
    char text[API_TOKEN_SIZE + 1];
    struct book *book;
    struct arena arena;
    struct caller caller;
};

static int setup(void **state)
{
    struct scene *scene = calloc(1, sizeof *scene);
    char id[API_TOKEN_ID + 1];
    struct access_token from = {.account = "ci", .expires_at = ENDS};
    if (!scene || api_token_mint(scene->text, id, from.digest) != JWKD_OK) return -1;
    from.entry.id = id;
    scene->token = access_token_new(&from);
    if (!scene->token) return -1;
    const struct access_change change = {
        .kind = ACCESS_TOKEN, .id = scene->token->entry.id, .entry = &scene->token->entry};
    if (book_next(NULL, &change, 1, 1, &scene->book) != JWKD_OK) return -1;
    arena_init(&scene->arena, 4096);
    scene->caller = (struct caller){.principal = "uid:7", .is_local = true, .is_private = true};
    *state = scene;
    return 0;
}

static int teardown(void **state)
{
    struct scene *scene = *state;
    access_entry_unref(&scene->token->entry);
    book_unref(scene->book);
    arena_clear(&scene->arena);
    free(scene);
    return 0;
}

static const struct door_access ACCESS = {.ipc_role = ROLE_VERIFIER, .tcp_role = ROLE_RELAY};

static jwkd_status judge(struct scene *scene, const char *credential, int64_t now)
{
    return credential_judge(
        scene->book, &ACCESS, bytes_of_text(credential), now, &scene->arena, &scene->caller, NULL);
}

static void nobody__without_one_is_whom_the_connection_belongs_to(void **state)
{
    struct scene *scene = *state;
    assert_int_equal(judge(scene, "", NOW), JWKD_OK);
    assert_string_equal(scene->caller.principal, "uid:7");
    assert_string_equal(scene->caller.transport_principal, "uid:7");
    assert_int_equal(scene->caller.otherwise, ROLE_VERIFIER);
    scene->caller = (struct caller){.principal = "anonymous"};
    assert_int_equal(judge(scene, "", NOW), JWKD_OK);
    assert_int_equal(scene->caller.otherwise, ROLE_RELAY);
    scene->caller = (struct caller){.principal = "anonymous", .is_local = true}; /* the overflow uid */
    assert_int_equal(judge(scene, "", NOW), JWKD_OK);
    assert_int_equal(scene->caller.otherwise, ROLE_NONE);
}

/* Rights are never added up: the account has none by a setting. */
static void token__replaces_whom_the_connection_belongs_to(void **state)
{
    struct scene *scene = *state;
    assert_int_equal(judge(scene, scene->text, NOW), JWKD_OK);
    assert_string_equal(scene->caller.principal, "account:ci");
    assert_string_equal(scene->caller.transport_principal, "uid:7");
    assert_string_equal(scene->caller.token, scene->token->entry.id);
    assert_int_equal(scene->caller.otherwise, ROLE_NONE);
}

static void token__ends_at_its_second(void **state)
{
    struct scene *scene = *state;
    assert_int_equal(judge(scene, scene->text, ENDS), JWKD_UNAUTHENTICATED);
    assert_int_equal(judge(scene, scene->text, ENDS - 1), JWKD_OK);
}

/* Each with a right checksum: it is the service that does not know it. */
static void token__of_another_secret_or_id_is_none(void **state)
{
    struct scene *scene = *state;
    char other[API_TOKEN_SIZE + 1], id[API_TOKEN_ID + 1];
    uint8_t digest[SHA256_SIZE];
    assert_int_equal(api_token_mint(other, id, digest), JWKD_OK);
    assert_int_equal(judge(scene, other, NOW), JWKD_UNAUTHENTICATED);
    assert_string_equal(scene->caller.principal, "uid:7");
    assert_null(scene->caller.token);
    assert_int_equal(judge(scene, "jwkd_", NOW), JWKD_UNAUTHENTICATED);
    struct access_token same = *scene->token; /* the id, and another secret */
    memcpy(same.digest, digest, sizeof same.digest);
    struct access_token *token = access_token_new(&same);
    assert_non_null(token);
    const struct access_change change = {
        .kind = ACCESS_TOKEN, .id = token->entry.id, .entry = &token->entry};
    struct book *book;
    assert_int_equal(book_next(scene->book, &change, 1, 2, &book), JWKD_OK);
    book_unref(scene->book);
    scene->book = book;
    access_entry_unref(&token->entry);
    assert_int_equal(judge(scene, scene->text, NOW), JWKD_UNAUTHENTICATED);
}

static void token__does_not_come_over_a_connection_that_others_read(void **state)
{
    struct scene *scene = *state;
    struct door_access insecure = ACCESS;
    insecure.insecure_tcp = true;
    scene->caller = (struct caller){.principal = "anonymous"};
    assert_int_equal(judge(scene, scene->text, NOW), JWKD_UNAUTHENTICATED);
    assert_int_equal(judge(scene, "", NOW), JWKD_OK);
    scene->caller = (struct caller){.principal = "anonymous", .is_private = true}; /* loopback */
    assert_int_equal(judge(scene, scene->text, NOW), JWKD_OK);
    scene->caller = (struct caller){.principal = "anonymous"};
    assert_int_equal(credential_judge(scene->book, &insecure, bytes_of_text(scene->text), NOW, &scene->arena,
                         &scene->caller, NULL),
        JWKD_OK);
    assert_string_equal(scene->caller.principal, "account:ci");
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(nobody__without_one_is_whom_the_connection_belongs_to),
        CASE(token__replaces_whom_the_connection_belongs_to),
        CASE(token__ends_at_its_second),
        CASE(token__of_another_secret_or_id_is_none),
        CASE(token__does_not_come_over_a_connection_that_others_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
