#include "access/book.h"

#include <stdio.h>

#include "wire/cases.h"

enum { MOST = 1200 };

/* Grants in the order in which they are added, and the book of them. */
struct scene {
    struct access_change changes[MOST];
    char ids[MOST][ACCESS_GRANT_ID + 1];
    size_t count;
    struct book *book;
};

static int setup(void **state)
{
    *state = calloc(1, sizeof(struct scene));
    return *state ? 0 : -1;
}

static int teardown(void **state)
{
    struct scene *scene = *state;
    for (size_t i = 0; i < scene->count; i++)
        access_entry_unref(scene->changes[i].entry);
    book_unref(scene->book);
    free(scene);
    return 0;
}

/* `number` makes the id: books are in order of it. */
static const struct access_grant *add(struct scene *scene, unsigned number, const char *principal,
    enum access_role role, const char *environment, uint64_t environment_id)
{
    char *id = scene->ids[scene->count];
    snprintf(id, sizeof scene->ids[0], "%016x", number);
    struct access_grant *grant = access_grant_new(&(struct access_grant){.entry = {.id = id},
        .principal = principal,
        .environment = environment,
        .environment_id = environment_id,
        .role = role});
    assert_non_null(grant);
    scene->changes[scene->count++] =
        (struct access_change){.kind = ACCESS_GRANT, .id = grant->entry.id, .entry = &grant->entry};
    return grant;
}

static void close_book(struct scene *scene)
{
    book_unref(scene->book);
    scene->book = NULL;
    assert_int_equal(book_next(NULL, scene->changes, scene->count, 7, &scene->book), JWKD_OK);
}

static unsigned rights(
    const struct scene *scene, const char *principal, const char *environment, uint64_t environment_id)
{
    const struct access_who who = {.principal = principal};
    return book_rights(
        scene->book, &who, (struct access_where){.environment = environment, .id = environment_id});
}

static const struct access_grant *signer(
    const struct scene *scene, const char *principal, const char *environment)
{
    const struct access_who who = {.principal = principal};
    return book_deciding(
        scene->book, &who, (struct access_where){.environment = environment, .id = 1}, ROLE_SIGNER);
}

static void rights__come_from_all_grants_that_match(void **state)
{
    struct scene *scene = *state;
    add(scene, 1, "uid:7", ROLE_VERIFIER, "shop", 1);
    add(scene, 2, "uid:*", ROLE_SIGNER, "sh-*", 0);
    add(scene, 3, "uid:7", ROLE_IMPORTER, "*", 0);
    close_book(scene);
    assert_int_equal(rights(scene, "uid:7", "shop", 1), RIGHT_VERIFY | RIGHT_IMPORT);
    assert_int_equal(rights(scene, "uid:7", "sh-op", 2), RIGHT_VERIFY | RIGHT_SIGN | RIGHT_IMPORT);
    assert_int_equal(rights(scene, "uid:8", "sh-op", 2), RIGHT_VERIFY | RIGHT_SIGN);
    assert_int_equal(rights(scene, "uid:8", "shop", 1), RIGHT_NONE);
    assert_int_equal(rights(scene, "account:7", "shop", 1), RIGHT_NONE);
}

static void rights__everywhere_come_from_the_star_alone(void **state)
{
    struct scene *scene = *state;
    add(scene, 1, "uid:7", ROLE_ADMIN, "tenant-*", 0);
    add(scene, 2, "uid:8", ROLE_ADMIN, "*", 0);
    close_book(scene);
    assert_int_equal(rights(scene, "uid:7", NULL, 0), RIGHT_NONE);
    assert_int_equal(rights(scene, "uid:8", NULL, 0), access_role_rights(ROLE_ADMIN));
    assert_int_equal(rights(scene, "uid:7", "tenant-3", 0), access_role_rights(ROLE_ADMIN));
}

static void prefix__ends_at_its_separator(void **state)
{
    struct scene *scene = *state;
    add(scene, 1, "spiffe://prod/billing/*", ROLE_SIGNER, "tenant-1", 1);
    add(scene, 2, "spiffe://prod/billing", ROLE_VERIFIER, "tenant-*", 0);
    close_book(scene);
    assert_true(rights(scene, "spiffe://prod/billing/api", "tenant-1", 1) & RIGHT_SIGN);
    assert_int_equal(rights(scene, "spiffe://prod/billing-evil", "tenant-1", 1), RIGHT_NONE);
    assert_int_equal(rights(scene, "spiffe://prod/billing-evil/api", "tenant-1", 1), RIGHT_NONE);
    assert_int_equal(rights(scene, "spiffe://prod/billing/api", "tenant-10", 10), RIGHT_NONE);
    assert_int_equal(rights(scene, "spiffe://prod/billing", "tenant-10", 10), RIGHT_VERIFY);
    assert_int_equal(rights(scene, "spiffe://prod/billing", "tenants", 11), RIGHT_NONE);
}

/* An environment that was deleted and made again has another id. */
static void exact_grant__is_of_one_life_of_an_environment(void **state)
{
    struct scene *scene = *state;
    add(scene, 1, "uid:7", ROLE_SIGNER, "shop", 5);
    close_book(scene);
    assert_int_equal(rights(scene, "uid:7", "shop", 5), access_role_rights(ROLE_SIGNER));
    assert_int_equal(rights(scene, "uid:7", "shop", 6), RIGHT_NONE);
    assert_int_equal(rights(scene, "uid:7", "shop", 0), RIGHT_NONE);
}

static void role_of_a_setting__counts_only_without_a_grant(void **state)
{
    struct scene *scene = *state;
    const struct access_where shop = {.environment = "shop", .id = 1};
    const struct access_who none = {.principal = "uid:8", .otherwise = ROLE_VERIFIER},
                            own = {.principal = "uid:7", .otherwise = ROLE_VERIFIER};
    add(scene, 1, "uid:7", ROLE_IMPORTER, "other", 2);
    close_book(scene);
    assert_int_equal(book_rights(scene->book, &none, shop), RIGHT_VERIFY);
    assert_int_equal(book_rights(scene->book, &none, (struct access_where){0}), RIGHT_VERIFY);
    assert_int_equal(book_rights(scene->book, &own, shop), RIGHT_NONE);
}

/* In whatever order they were made. */
static void deciding_signer__is_the_most_specific(void **state)
{
    static const struct {
        const char *principal, *environment;
        uint64_t id;
    } GRANTS[] = {{"uid:7", "eu-shop", 1}, {"uid:7", "eu-*", 0}, {"uid:7", "*", 0}, {"uid:*", "eu-shop", 1},
        {"uid:*", "eu-*", 0}, {"uid:*", "*", 0}};
    enum { COUNT = sizeof GRANTS / sizeof *GRANTS };
    for (int reversed = 0; reversed < 2; reversed++)
        for (size_t first = 0; first < COUNT; first++) {
            struct scene *scene = calloc(1, sizeof *scene);
            void *pointer = scene;
            for (size_t i = first; i < COUNT; i++)
                add(scene, reversed ? COUNT - (unsigned)i : (unsigned)i, GRANTS[i].principal, ROLE_SIGNER,
                    GRANTS[i].environment, GRANTS[i].id);
            add(scene, 99, "uid:7", ROLE_ADMIN, "eu-shop", 1); /* is of another role */
            close_book(scene);
            const struct access_grant *decides = signer(scene, "uid:7", "eu-shop");
            assert_non_null(decides);
            assert_string_equal(decides->principal, GRANTS[first].principal);
            assert_string_equal(decides->environment, GRANTS[first].environment);
            teardown(&pointer);
        }
    (void)state;
}

static void entry__is_found_until_it_is_removed(void **state)
{
    struct scene *scene = *state;
    struct book *next;
    add(scene, 1, "uid:7", ROLE_SIGNER, "*", 0);
    add(scene, 2, "uid:8", ROLE_SIGNER, "*", 0);
    close_book(scene);
    assert_int_equal(book_revision(scene->book), 7);
    assert_non_null(book_find(scene->book, ACCESS_GRANT, scene->ids[0]));
    assert_null(book_find(scene->book, ACCESS_TOKEN, scene->ids[0]));
    assert_non_null(book_same_grant(scene->book, "uid:7", "*", ROLE_SIGNER));
    assert_null(book_same_grant(scene->book, "uid:7", "*", ROLE_ADMIN));
    const struct access_change removal = {.kind = ACCESS_GRANT, .id = scene->ids[0]};
    assert_int_equal(book_next(scene->book, &removal, 1, 8, &next), JWKD_OK);
    book_unref(scene->book);
    scene->book = next;
    assert_null(book_find(scene->book, ACCESS_GRANT, scene->ids[0]));
    assert_null(book_same_grant(scene->book, "uid:7", "*", ROLE_SIGNER));
    assert_false(book_has_own(scene->book, "uid:7"));
    assert_int_equal(rights(scene, "uid:7", "shop", 1), RIGHT_NONE);
    assert_int_equal(rights(scene, "uid:8", "shop", 1), access_role_rights(ROLE_SIGNER));
    assert_int_equal(book_count(scene->book, ACCESS_GRANT), 1);
}

static bool count_grant(void *context, const struct access_grant *grant)
{
    (void)grant;
    ++*(unsigned *)context;
    return true;
}

static void thousand_grants__are_told_apart(void **state)
{
    struct scene *scene = *state;
    char principal[32], environment[32];
    for (unsigned i = 0; i < 1000; i++) {
        snprintf(principal, sizeof principal, "account:n%u", i % 500);
        snprintf(environment, sizeof environment, "env-%u", i);
        add(scene, i, principal, i < 500 ? ROLE_SIGNER : ROLE_VERIFIER, environment, i + 1);
    }
    close_book(scene);
    for (unsigned i = 0; i < 1000; i++) {
        snprintf(principal, sizeof principal, "account:n%u", i % 500);
        snprintf(environment, sizeof environment, "env-%u", i);
        assert_int_equal(rights(scene, principal, environment, i + 1),
            access_role_rights(i < 500 ? ROLE_SIGNER : ROLE_VERIFIER));
        snprintf(principal, sizeof principal, "account:n%u", (i + 1) % 500);
        assert_int_equal(rights(scene, principal, environment, i + 1), RIGHT_NONE);
        unsigned its = 0;
        book_visit_grants(scene->book, principal, count_grant, &its);
        assert_int_equal(its, 2);
    }
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(rights__come_from_all_grants_that_match),
        CASE(rights__everywhere_come_from_the_star_alone),
        CASE(prefix__ends_at_its_separator),
        CASE(exact_grant__is_of_one_life_of_an_environment),
        CASE(role_of_a_setting__counts_only_without_a_grant),
        CASE(deciding_signer__is_the_most_specific),
        CASE(entry__is_found_until_it_is_removed),
        CASE(thousand_grants__are_told_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
