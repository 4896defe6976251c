#include "integration/harness.h"

#include <stdlib.h>
#include <string.h>

static const jwkd_generate_options WAIT = {.wait_ms = 30000};

/* ---- environments ---- */

static void environment__is_created_changed_listed_and_deleted(void **state)
{
    jwkd_client *client = client_open(*state);
    environment_create(client, "shop");
    environment_create(client, "bank");
    jwkd_environment wanted = {.name = "shop", .default_audience = "basket"}, *made;
    jwkd_error error = {0};
    assert_status(jwkd_environment_create(client, &wanted, &made, &error), JWKD_ALREADY_EXISTS, &error);
    assert_status(
        jwkd_environment_update(client, &wanted, JWKD_SET_DEFAULT_AUDIENCE, &made, &error), JWKD_OK, &error);
    assert_string_equal(made->default_audience, "basket");
    assert_string_equal(made->issuer, "https://shop.example"); /* not named, not changed */
    assert_int_equal(made->revision, 2);
    jwkd_free(made);

    jwkd_environment_list *list;
    assert_ok(jwkd_environment_get_all(client, &list, NULL));
    assert_int_equal(list->count, 2);
    assert_string_equal(list->environments[0].name, "bank");
    assert_string_equal(list->environments[1].name, "shop");
    jwkd_free(list);

    free(key_generate(client, "shop"));
    assert_status(jwkd_environment_delete(client, "shop", false, &error), JWKD_FAILED_PRECONDITION, &error);
    assert_ok(jwkd_environment_delete(client, "shop", true, &error));
    assert_status(jwkd_environment_delete(client, "shop", true, &error), JWKD_NOT_FOUND, &error);
    jwkd_close(client);
}

/* ---- keys ---- */

static void token__is_valid_locally_and_remotely_with_its_claims(void **state)
{
    jwkd_client *client = client_open(*state);
    environment_create(client, "shop");
    free(key_generate(client, "shop"));
    struct observer observer;
    observer_open(&observer, client, "shop");
    char *signed_token = token_sign(client, "shop");
    assert_verdict(token_judge(client, "shop", signed_token), JWKD_VERDICT_VALID);
    assert_verdict(observer_judge(&observer, signed_token), JWKD_VERDICT_VALID);

    jwkd_token *token = jwkd_token_new();
    static const char *const audiences[] = {"api"};
    const jwkd_expectation expected = {.audiences = audiences, .audience_count = 1};
    assert_verdict(jwkd_verify(observer.verifier, signed_token, strlen(signed_token), &expected, token, NULL),
        JWKD_VERDICT_VALID);
    jwkd_bytes issuer = jwkd_token_string(token, "iss"), subject = jwkd_token_string(token, "sub");
    assert_int_equal(issuer.size, strlen("https://shop.example"));
    assert_memory_equal(issuer.data, "https://shop.example", issuer.size);
    assert_int_equal(subject.size, 5);
    int64_t issued = 0, expires = 0;
    assert_true(jwkd_token_integer(token, "iat", &issued) && jwkd_token_integer(token, "exp", &expires));
    assert_int_equal(expires - issued, 900);
    jwkd_token_free(token);
    jwkd_free(signed_token);
    observer_close(&observer);
    jwkd_close(client);
}

static void rotation__reaches_every_verifier_by_event(void **state)
{
    jwkd_client *signer = client_open(*state), *other = client_open(*state);
    environment_create(signer, "shop");
    char *first = key_generate(signer, "shop");
    struct observer near, far;
    observer_open(&near, signer, "shop");
    observer_open(&far, other, "shop");
    char *old_token = token_sign(signer, "shop");

    char *second = key_generate(signer, "shop");
    assert_string_not_equal(first, second);
    uint64_t revision = revision_of(signer, "shop");
    observer_await(&near, revision);
    observer_await(&far, revision);
    observer_await_seen(&far, JWKD_EVENT_KEY_PUBLISHED);
    observer_await_seen(&near, JWKD_EVENT_KEY_PROMOTED);
    char *new_token = token_sign(signer, "shop");
    struct observer *observers[] = {&near, &far};
    for (size_t i = 0; i < 2; i++) {
        assert_verdict(observer_judge(observers[i], old_token), JWKD_VERDICT_VALID);
        assert_verdict(observer_judge(observers[i], new_token), JWKD_VERDICT_VALID);
    }

    jwkd_key_answer *answer;
    assert_ok(jwkd_deactivate(signer, "shop", first, false, &answer, NULL));
    assert_int_equal(answer->revision, revision + 1);
    assert_int_equal(answer->key.state, JWKD_KEY_DEACTIVATED);
    assert_string_equal(answer->primary_kid, second);
    jwkd_free(answer);
    for (size_t i = 0; i < 2; i++) {
        observer_await(observers[i], revision + 1);
        assert_verdict(observer_judge(observers[i], old_token), JWKD_VERDICT_KEY_DEACTIVATED);
        assert_verdict(observer_judge(observers[i], new_token), JWKD_VERDICT_VALID);
        observer_close(observers[i]);
    }
    assert_verdict(token_judge(other, "shop", old_token), JWKD_VERDICT_KEY_DEACTIVATED);
    assert_verdict(token_judge(other, "shop", new_token), JWKD_VERDICT_VALID);
    jwkd_free(old_token);
    jwkd_free(new_token);
    free(first);
    free(second);
    jwkd_close(other);
    jwkd_close(signer);
}

static void deactivate__promotes_the_next_and_keeps_the_last(void **state)
{
    jwkd_client *client = client_open(*state);
    environment_create(client, "shop");
    char *first = key_generate(client, "shop"), *second = key_generate(client, "shop");
    uint64_t before = revision_of(client, "shop");
    jwkd_key_answer *answer;
    jwkd_error error = {0};
    assert_ok(jwkd_deactivate(client, "shop", second, false, &answer, &error));
    assert_string_equal(answer->primary_kid, first); /* in the same revision */
    assert_int_equal(answer->revision, before + 1);
    jwkd_free(answer);
    assert_ok(jwkd_deactivate(client, "shop", second, false, &answer, &error)); /* again: nothing changes */
    assert_int_equal(answer->revision, before + 1);
    jwkd_free(answer);

    assert_status(
        jwkd_deactivate(client, "shop", first, false, &answer, &error), JWKD_FAILED_PRECONDITION, &error);
    assert_int_equal(revision_of(client, "shop"), before + 1);
    assert_ok(jwkd_deactivate(client, "shop", first, true, &answer, &error));
    assert_string_equal(answer->primary_kid, "");
    jwkd_free(answer);
    const jwkd_sign_item item = {.claims = {"{}", 2}};
    char *token;
    assert_status(jwkd_sign(client, "shop", &item, &token, &error), JWKD_NO_PRIMARY, &error);
    free(first);
    free(second);
    jwkd_close(client);
}

static void destroy__is_for_deactivated_keys_and_final(void **state)
{
    jwkd_client *client = client_open(*state);
    environment_create(client, "shop");
    char *first = key_generate(client, "shop"), *second = key_generate(client, "shop");
    jwkd_key_answer *answer;
    jwkd_error error = {0};
    assert_status(jwkd_destroy(client, "shop", first, &answer, &error), JWKD_FAILED_PRECONDITION, &error);
    assert_status(jwkd_destroy(client, "shop", second, &answer, &error), JWKD_FAILED_PRECONDITION, &error);
    assert_status(jwkd_destroy(client, "shop", "no-such-key", &answer, &error), JWKD_NOT_FOUND, &error);
    assert_ok(jwkd_deactivate(client, "shop", first, false, &answer, &error));
    jwkd_free(answer);
    assert_status(jwkd_set_primary(client, "shop", first, &answer, &error), JWKD_FAILED_PRECONDITION, &error);
    assert_ok(jwkd_destroy(client, "shop", first, &answer, &error));
    assert_int_equal(answer->key.state, JWKD_KEY_DESTROYED);
    assert_true(answer->key.destroyed_at > 0);
    jwkd_free(answer);
    assert_status(jwkd_set_primary(client, "shop", first, &answer, &error), JWKD_FAILED_PRECONDITION, &error);
    free(first);
    free(second);
    jwkd_close(client);
}

static void hold__publishes_without_promoting(void **state)
{
    jwkd_client *client = client_open(*state);
    environment_create(client, "shop");
    char *first = key_generate(client, "shop");
    jwkd_generate_options options = WAIT;
    options.hold = true;
    jwkd_key_answer *answer, *promoted;
    assert_ok(jwkd_generate(client, "shop", &options, &answer, NULL));
    assert_false(answer->key.primary);
    assert_true(answer->key.held);
    assert_string_equal(answer->primary_kid, first);
    assert_ok(jwkd_set_primary(client, "shop", answer->key.kid, &promoted, NULL));
    assert_string_equal(promoted->primary_kid, answer->key.kid);
    jwkd_free(promoted);
    assert_ok(jwkd_set_primary(client, "shop", first, &promoted, NULL)); /* the rotation is called off */
    assert_string_equal(promoted->primary_kid, first);
    jwkd_free(promoted);
    jwkd_free(answer);
    free(first);
    jwkd_close(client);
}

/* ---- modes ---- */

static void exclusive__names_what_it_invalidates(void **state)
{
    jwkd_client *client = client_open(*state);
    const jwkd_environment wanted = {.name = "one", .default_algorithm = "ES256", .mode = JWKD_EXCLUSIVE};
    jwkd_environment *made;
    jwkd_error error = {0};
    assert_ok(jwkd_environment_create(client, &wanted, &made, &error));
    jwkd_free(made);
    char *first = key_generate(client, "one");
    char *old_token = token_sign(client, "one");
    jwkd_generate_options options = WAIT;
    jwkd_key_answer *answer;
    uint64_t before = revision_of(client, "one");
    assert_status(jwkd_generate(client, "one", &options, &answer, &error), JWKD_FAILED_PRECONDITION, &error);
    options.invalidate_kid = "another";
    assert_status(jwkd_generate(client, "one", &options, &answer, &error), JWKD_FAILED_PRECONDITION, &error);
    assert_int_equal(revision_of(client, "one"), before);
    options.invalidate_kid = first;
    assert_ok(jwkd_generate(client, "one", &options, &answer, &error));
    assert_int_equal(answer->revision, before + 1);
    assert_string_equal(answer->primary_kid, answer->key.kid);
    jwkd_free(answer);
    assert_verdict(token_judge(client, "one", old_token), JWKD_VERDICT_KEY_DEACTIVATED);
    jwkd_free(old_token);
    free(first);
    jwkd_close(client);
}

static jwkd_status update_leeway(
    jwkd_client *client, const char *name, uint32_t leeway_sec, uint32_t *out, jwkd_error *error)
{
    const jwkd_environment wanted = {.name = name, .leeway_sec = leeway_sec};
    jwkd_environment *changed = NULL;
    jwkd_status status = jwkd_environment_update(client, &wanted, JWKD_SET_LEEWAY, &changed, error);
    if (changed) *out = changed->leeway_sec;
    jwkd_free(changed);
    return status;
}

static void leeway__of_none_is_not_the_default(void **state)
{
    jwkd_client *client = client_open(*state);
    jwkd_environment wanted = {.name = "strict", .default_algorithm = "ES256", .no_leeway = true}, *made;
    jwkd_error error = {0};
    uint32_t leeway_sec = 1;
    assert_ok(jwkd_environment_create(client, &wanted, &made, NULL));
    assert_int_equal(made->leeway_sec, 0);
    assert_true(made->no_leeway);
    jwkd_free(made);
    wanted.name = "contradictory";
    wanted.leeway_sec = 1;
    assert_status(jwkd_environment_create(client, &wanted, &made, &error), JWKD_INVALID_ARGUMENT, &error);
    wanted = (jwkd_environment){.name = "lenient", .default_algorithm = "ES256"};
    assert_ok(jwkd_environment_create(client, &wanted, &made, NULL));
    assert_int_equal(made->leeway_sec, 30);
    assert_false(made->no_leeway);
    jwkd_free(made);
    assert_ok(update_leeway(client, "lenient", 0, &leeway_sec, NULL));
    assert_int_equal(leeway_sec, 0);
    assert_status(update_leeway(client, "lenient", 601, &leeway_sec, &error), JWKD_INVALID_ARGUMENT, &error);
    jwkd_close(client);
}

static void show_once__gives_the_public_key_by_generate_only(void **state)
{
    jwkd_client *client = client_open(*state);
    const jwkd_environment wanted = {.name = "shy", .default_algorithm = "ES256", .show_once = true};
    jwkd_environment *made;
    assert_ok(jwkd_environment_create(client, &wanted, &made, NULL));
    jwkd_free(made);
    jwkd_key_answer *answer, *read;
    assert_ok(jwkd_generate(client, "shy", &WAIT, &answer, NULL));
    assert_non_null(strstr(answer->key.public_jwk, "\"P-256\""));
    assert_ok(jwkd_get_key(client, "shy", answer->key.kid, &read, NULL));
    assert_string_equal(read->key.public_jwk, "");
    jwkd_free(read);
    char *jwks;
    assert_ok(jwkd_get_jwks(client, "shy", &jwks, NULL));
    assert_null(strstr(jwks, answer->key.kid));
    jwkd_free(jwks);

    struct observer observer;
    observer_open(&observer, client, "shy");
    char *token = token_sign(client, "shy");
    assert_verdict(token_judge(client, "shy", token), JWKD_VERDICT_VALID);
    assert_verdict(observer_judge(&observer, token), JWKD_VERDICT_UNKNOWN_KEY);
    const jwkd_bytes jwk = {answer->key.public_jwk, strlen(answer->key.public_jwk)};
    jwkd_error error = {0};
    assert_status(jwkd_verifier_pin(observer.verifier, jwk, &error), JWKD_OK, &error);
    assert_verdict(observer_judge(&observer, token), JWKD_VERDICT_VALID);
    observer_close(&observer);
    jwkd_free(token);
    jwkd_free(answer);

    const jwkd_environment open = {.name = "shy", .show_once = false};
    assert_status(jwkd_environment_update(client, &open, JWKD_SET_SHOW_ONCE, &made, &error),
        JWKD_FAILED_PRECONDITION, &error);
    CLEANUP(buffer_clear) struct buffer key = {0};
    read_data("keys/rfc8037-a1.jwk", &key);
    const jwkd_import_options ed25519 = {.algorithm = "Ed25519"};
    assert_ok(jwkd_import(client, "shy", (jwkd_bytes){key.data, key.size}, &ed25519, &answer, NULL));
    assert_string_equal(answer->key.public_jwk, "");
    jwkd_free(answer);
    jwkd_close(client);
}

/* ---- import ---- */

static jwkd_status import(
    jwkd_client *client, const char *environment, const char *file, const char *algorithm, jwkd_error *error)
{
    CLEANUP(buffer_clear) struct buffer key = {0};
    read_data(file, &key);
    const jwkd_import_options options = {.algorithm = algorithm};
    jwkd_key_answer *answer;
    TRY(jwkd_import(client, environment, (jwkd_bytes){key.data, key.size}, &options, &answer, error));
    assert_true(answer->key.imported);
    assert_null(strstr(answer->key.public_jwk, "\"d\""));
    jwkd_free(answer);
    return JWKD_OK;
}

static void import__takes_a_key_once_and_never_again(void **state)
{
    jwkd_client *client = client_open(*state);
    environment_create(client, "shop");
    environment_create(client, "bank");
    jwkd_error error = {0};
    assert_status(import(client, "shop", "keys/rsa-2048.pem", "RS256", &error), JWKD_OK, &error);
    char *token = token_sign(client, "shop");
    assert_verdict(token_judge(client, "shop", token), JWKD_VERDICT_VALID);
    jwkd_free(token);
    assert_status(import(client, "shop", "keys/rsa-3072.jwk", "PS256", &error), JWKD_OK, &error);
    /* the same material: here, elsewhere, in the other spelling, and after its environment is gone */
    assert_status(import(client, "shop", "keys/rsa-2048.pem", "RS256", &error), JWKD_ALREADY_EXISTS, &error);
    assert_status(import(client, "bank", "keys/rsa-2048.jwk", "RS256", &error), JWKD_ALREADY_EXISTS, &error);
    assert_ok(jwkd_environment_delete(client, "shop", true, &error));
    environment_create(client, "shop");
    assert_status(import(client, "shop", "keys/rsa-2048.jwk", "RS256", &error), JWKD_ALREADY_EXISTS, &error);
    assert_status(import(client, "bank", "keys/README.md", "RS256", &error), JWKD_MALFORMED, &error);
    jwkd_key_list *keys;
    assert_ok(jwkd_get_keys(client, "bank", &keys, NULL));
    assert_int_equal(keys->count, 0);
    jwkd_free(keys);
    jwkd_close(client);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, service_setup, service_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(environment__is_created_changed_listed_and_deleted),
        CASE(token__is_valid_locally_and_remotely_with_its_claims),
        CASE(rotation__reaches_every_verifier_by_event),
        CASE(deactivate__promotes_the_next_and_keeps_the_last),
        CASE(destroy__is_for_deactivated_keys_and_final),
        CASE(hold__publishes_without_promoting),
        CASE(exclusive__names_what_it_invalidates),
        CASE(leeway__of_none_is_not_the_default),
        CASE(show_once__gives_the_public_key_by_generate_only),
        CASE(import__takes_a_key_once_and_never_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
