/* Accounts, API tokens and grants: what changes of them do, and what is kept of them. */
#include "keyring/ring.h"

#include "access/api_token.h"

static jwkd_status create_account(struct ring *ring, const char *name)
{
    uint8_t id[16];
    Jwkd__V1__CreateAccountRequest create = JWKD__V1__CREATE_ACCOUNT_REQUEST__INIT;
    Jwkd__V1__Request request = ring_request(ring, id, JWKD__V1__REQUEST__OPERATION_CREATE_ACCOUNT);
    create.name = wire_text(name);
    request.create_account = &create;
    return ring_status(ring, &request);
}

static Jwkd__V1__Request token_request(
    struct ring *ring, uint8_t id[16], Jwkd__V1__CreateTokenRequest *create, const char *account)
{
    Jwkd__V1__Request request = ring_request(ring, id, JWKD__V1__REQUEST__OPERATION_CREATE_TOKEN);
    *create = (Jwkd__V1__CreateTokenRequest)JWKD__V1__CREATE_TOKEN_REQUEST__INIT;
    create->account = wire_text(account);
    request.create_token = create;
    return request;
}

static jwkd_status add_grant(struct ring *ring, const char *principal, const char *role,
    const char *environment, const char *rule, bool dry_run, char out_id[ACCESS_GRANT_ID + 1])
{
    uint8_t id[16];
    CLEANUP(arena_clear) struct arena arena;
    Jwkd__V1__AddGrantRequest add = JWKD__V1__ADD_GRANT_REQUEST__INIT;
    Jwkd__V1__Request request = ring_request(ring, id, JWKD__V1__REQUEST__OPERATION_ADD_GRANT);
    add.principal = wire_text(principal);
    add.role = wire_text(role);
    add.environment = wire_text(environment);
    add.rule = wire_bytes(bytes_of_text(rule));
    request.add_grant = &add;
    request.dry_run = dry_run;
    const Jwkd__V1__Reply *reply = ring_change(ring, &request, &arena);
    if (reply->status == JWKD__V1__STATUS__OK && out_id)
        snprintf(out_id, ACCESS_GRANT_ID + 1, "%s", reply->grant->grant->id);
    return (jwkd_status)reply->status;
}

static jwkd_status remove_grant(struct ring *ring, const char *grant)
{
    uint8_t id[16];
    Jwkd__V1__RemoveGrantRequest remove = JWKD__V1__REMOVE_GRANT_REQUEST__INIT;
    Jwkd__V1__Request request = ring_request(ring, id, JWKD__V1__REQUEST__OPERATION_REMOVE_GRANT);
    remove.id = wire_text(grant);
    request.remove_grant = &remove;
    return ring_status(ring, &request);
}

static size_t count(struct ring *ring, enum access_kind kind)
{
    CLEANUP(snapshot_unref_at) struct snapshot *snapshot = keyring_snapshot(ring->keyring);
    return book_count(snapshot->book, kind);
}

static unsigned rights(struct ring *ring, const char *principal, const char *environment)
{
    CLEANUP(snapshot_unref_at) struct snapshot *snapshot = keyring_snapshot(ring->keyring);
    const struct ring_environment *found = snapshot_find(snapshot, environment);
    const struct access_who who = {.principal = principal};
    return book_rights(
        snapshot->book, &who, (struct access_where){.environment = environment, .id = found ? found->id : 0});
}

/* ---- tokens */

static void token__is_shown_once(void **state)
{
    struct ring *ring = *state;
    uint8_t id[16];
    char token_id[API_TOKEN_ID + 1];
    uint8_t digest[SHA256_SIZE];
    CLEANUP(arena_clear) struct arena first, again;
    Jwkd__V1__CreateTokenRequest create;
    assert_int_equal(create_account(ring, "ci"), JWKD_OK);
    Jwkd__V1__Request request = token_request(ring, id, &create, "ci");
    const Jwkd__V1__Reply *reply = ring_change(ring, &request, &first);
    assert_int_equal(reply->status, JWKD__V1__STATUS__OK);
    assert_true(api_token_read(bytes_of_text(reply->token->secret), token_id, digest));
    assert_string_equal(reply->token->token->id, token_id);
    const Jwkd__V1__Reply *repeated = ring_change(ring, &request, &again);
    assert_int_equal(repeated->status, JWKD__V1__STATUS__OK);
    assert_string_equal(repeated->token->token->id, token_id);
    assert_string_equal(repeated->token->secret, "");
    assert_int_equal(count(ring, ACCESS_TOKEN), 1);
}

static void token__is_kept_as_the_digest_of_its_secret(void **state)
{
    struct ring *ring = *state;
    uint8_t id[16];
    char token_id[API_TOKEN_ID + 1];
    uint8_t digest[SHA256_SIZE];
    CLEANUP(arena_clear) struct arena arena;
    Jwkd__V1__CreateTokenRequest create;
    assert_int_equal(create_account(ring, "ci"), JWKD_OK);
    Jwkd__V1__Request request = token_request(ring, id, &create, "ci");
    const Jwkd__V1__Reply *reply = ring_change(ring, &request, &arena);
    assert_true(api_token_read(bytes_of_text(reply->token->secret), token_id, digest));
    ring_restart(ring);
    CLEANUP(snapshot_unref_at) struct snapshot *snapshot = keyring_snapshot(ring->keyring);
    const struct access_entry *entry = book_find(snapshot->book, ACCESS_TOKEN, token_id);
    assert_non_null(entry);
    const struct access_token *kept = (const struct access_token *)(const void *)entry;
    assert_true(api_token_is(kept->digest, digest));
    assert_string_equal(kept->account, "ci");
    assert_string_equal(entry->created_by, "uid:1000");
    assert_true(kept->expires_at > entry->created_at);
}

/* ---- grants */

static void grant__survives_a_restart_with_its_rule(void **state)
{
    struct ring *ring = *state;
    char id[ACCESS_GRANT_ID + 1];
    ring_create(ring, "shop");
    assert_int_equal(
        add_grant(ring, "uid:7", "signer", "shop", "{\"aud\":[\"orders\"]}", false, id), JWKD_OK);
    ring_restart(ring);
    assert_int_equal(rights(ring, "uid:7", "shop"), access_role_rights(ROLE_SIGNER));
    CLEANUP(snapshot_unref_at) struct snapshot *snapshot = keyring_snapshot(ring->keyring);
    const struct access_entry *entry = book_find(snapshot->book, ACCESS_GRANT, id);
    assert_non_null(entry);
    const struct access_grant *grant = (const struct access_grant *)(const void *)entry;
    assert_non_null(grant->rule);
    assert_true(bytes_equal_text(rule_json(grant->rule), "{\"aud\":[\"orders\"]}"));
}

static void grant__that_makes_no_sense_is_refused(void **state)
{
    struct ring *ring = *state;
    ring_create(ring, "shop");
    assert_int_equal(add_grant(ring, "uid:7", "boss", "shop", "", false, NULL), JWKD_INVALID_ARGUMENT);
    assert_int_equal(add_grant(ring, "uid:7", "verifier", "absent", "", false, NULL), JWKD_NOT_FOUND);
    assert_int_equal(
        add_grant(ring, "uid:7", "verifier", "tenant1*", "", false, NULL), JWKD_INVALID_ARGUMENT);
    assert_int_equal(
        add_grant(ring, "anonymous", "verifier", "shop", "", false, NULL), JWKD_INVALID_ARGUMENT);
    assert_int_equal(add_grant(ring, "*", "verifier", "shop", "", false, NULL), JWKD_INVALID_ARGUMENT);
    assert_int_equal(add_grant(ring, "account:nobody", "verifier", "shop", "", false, NULL), JWKD_NOT_FOUND);
    assert_int_equal(add_grant(ring, "uid:7", "relay", "shop", "", false, NULL), JWKD_INVALID_ARGUMENT);
    assert_int_equal(add_grant(ring, "uid:7", "verifier", "shop", "{\"aud\":[\"a\"]}", false, NULL),
        JWKD_INVALID_ARGUMENT);
    assert_int_equal(add_grant(ring, "uid:7", "raw-signer", "shop", "{\"aud\":[\"a\"]}", false, NULL),
        JWKD_INVALID_ARGUMENT);
    assert_int_equal(
        add_grant(ring, "uid:7", "signer", "shop", "{\"audience\":[]}", false, NULL), JWKD_INVALID_ARGUMENT);
    assert_int_equal(count(ring, ACCESS_GRANT), 0);
    assert_int_equal(add_grant(ring, "uid:7", "signer", "shop", "", false, NULL), JWKD_OK);
    assert_int_equal(
        add_grant(ring, "uid:7", "signer", "shop", "{\"aud\":[\"a\"]}", false, NULL), JWKD_ALREADY_EXISTS);
}

static void dry_run__changes_nothing(void **state)
{
    struct ring *ring = *state;
    ring_create(ring, "shop");
    uint64_t commits = ring_commits(ring);
    assert_int_equal(add_grant(ring, "uid:7", "verifier", "shop", "", true, NULL), JWKD_OK);
    assert_int_equal(count(ring, ACCESS_GRANT), 0);
    assert_int_equal(ring_commits(ring), commits);
    assert_int_equal(add_grant(ring, "uid:7", "verifier", "absent", "", true, NULL), JWKD_NOT_FOUND);
}

static void grants_of_an_environment__end_with_it(void **state)
{
    struct ring *ring = *state;
    uint8_t id[16];
    Jwkd__V1__DeleteEnvironmentRequest delete = JWKD__V1__DELETE_ENVIRONMENT_REQUEST__INIT;
    ring_create(ring, "shop");
    assert_int_equal(add_grant(ring, "uid:7", "signer", "shop", "", false, NULL), JWKD_OK);
    assert_int_equal(add_grant(ring, "uid:8", "signer", "*", "", false, NULL), JWKD_OK);
    Jwkd__V1__Request request = ring_request(ring, id, JWKD__V1__REQUEST__OPERATION_DELETE_ENVIRONMENT);
    delete.name = wire_text("shop");
    request.delete_environment = &delete;
    assert_int_equal(ring_status(ring, &request), JWKD_OK);
    assert_int_equal(count(ring, ACCESS_GRANT), 1);
    ring_create(ring, "shop");
    assert_int_equal(rights(ring, "uid:7", "shop"), RIGHT_NONE);
    assert_int_equal(rights(ring, "uid:8", "shop"), access_role_rights(ROLE_SIGNER));
}

static void account__goes_with_what_is_its_own(void **state)
{
    struct ring *ring = *state;
    uint8_t id[16];
    Jwkd__V1__CreateTokenRequest create;
    Jwkd__V1__DeleteAccountRequest delete = JWKD__V1__DELETE_ACCOUNT_REQUEST__INIT;
    ring_create(ring, "shop");
    assert_int_equal(create_account(ring, "ci"), JWKD_OK);
    assert_int_equal(create_account(ring, "ci2"), JWKD_OK);
    assert_int_equal(create_account(ring, "ci"), JWKD_ALREADY_EXISTS);
    assert_int_equal(create_account(ring, "Ci"), JWKD_INVALID_ARGUMENT);
    Jwkd__V1__Request request = token_request(ring, id, &create, "ci");
    assert_int_equal(ring_status(ring, &request), JWKD_OK);
    request = token_request(ring, id, &create, "ci2");
    assert_int_equal(ring_status(ring, &request), JWKD_OK);
    assert_int_equal(add_grant(ring, "account:ci", "signer", "shop", "", false, NULL), JWKD_OK);
    assert_int_equal(add_grant(ring, "account:ci2", "signer", "shop", "", false, NULL), JWKD_OK);
    request = ring_request(ring, id, JWKD__V1__REQUEST__OPERATION_DELETE_ACCOUNT);
    delete.name = wire_text("ci");
    request.delete_account = &delete;
    assert_int_equal(ring_status(ring, &request), JWKD_OK);
    assert_int_equal(count(ring, ACCESS_ACCOUNT), 1);
    assert_int_equal(count(ring, ACCESS_TOKEN), 1);
    assert_int_equal(count(ring, ACCESS_GRANT), 1);
    assert_int_equal(rights(ring, "account:ci", "shop"), RIGHT_NONE);
    assert_int_equal(rights(ring, "account:ci2", "shop"), access_role_rights(ROLE_SIGNER));
}

static void last_admin__stays(void **state)
{
    struct ring *ring = *state;
    char id[ACCESS_GRANT_ID + 1], other[ACCESS_GRANT_ID + 1];
    assert_int_equal(add_grant(ring, "uid:7", "admin", "*", "", false, id), JWKD_OK);
    assert_int_equal(remove_grant(ring, id), JWKD_FAILED_PRECONDITION);
    assert_int_equal(add_grant(ring, "uid:8", "admin", "*", "", false, other), JWKD_OK);
    assert_int_equal(remove_grant(ring, id), JWKD_OK);
    assert_int_equal(remove_grant(ring, id), JWKD_NOT_FOUND);
    assert_int_equal(remove_grant(ring, other), JWKD_FAILED_PRECONDITION);
}

/* ---- signing by a rule */

static jwkd_status sign(struct ring *ring, const char *principal, const char *claims, jwkd_status *out_item)
{
    uint8_t id[16];
    struct reply reply;
    jwkd_error error = {0};
    const struct caller caller = {.principal = principal};
    Jwkd__V1__SignItem item = JWKD__V1__SIGN_ITEM__INIT, *items = &item;
    Jwkd__V1__SignRequest sign = JWKD__V1__SIGN_REQUEST__INIT;
    Jwkd__V1__Request request = ring_request(ring, id, JWKD__V1__REQUEST__OPERATION_SIGN);
    item.claims = wire_bytes(bytes_of_text(claims));
    sign.environment = wire_text("shop");
    sign.items = &items;
    sign.n_items = 1;
    request.sign = &sign;
    reply_init(&reply, &request);
    jwkd_status status = keyring_sign(ring->keyring, &caller, &request, &reply, &error);
    if (status == JWKD_OK) *out_item = (jwkd_status)reply.message.signed_->tokens[0]->status;
    reply_clear(&reply);
    return status;
}

static void signer__puts_into_a_token_what_its_rule_allows(void **state)
{
    struct ring *ring = *state;
    char kid[LIMIT_KID + 1];
    jwkd_status item = JWKD_INTERNAL;
    ring_create(ring, "shop");
    ring_generate(ring, "shop", kid);
    assert_int_equal(add_grant(ring, "uid:7", "signer", "shop",
                         "{\"claims\":{\"sub\":{\"prefix\":\"acct-\"}},\"aud\":[\"api\"]}", false, NULL),
        JWKD_OK);
    assert_int_equal(sign(ring, "uid:7", "{\"sub\":\"acct-1\"}", &item), JWKD_OK);
    assert_int_equal(item, JWKD_OK);
    assert_int_equal(sign(ring, "uid:7", "{\"sub\":\"root\"}", &item), JWKD_OK);
    assert_int_equal(item, JWKD_DENIED);
    assert_int_equal(sign(ring, "uid:7", "{\"sub\":\"acct-1\",\"aud\":\"other\"}", &item), JWKD_OK);
    assert_int_equal(item, JWKD_DENIED);
}

/* The door let it come, and then the grant was taken away: it must not become one without a rule. */
static void signer__whose_grant_was_withdrawn_signs_nothing(void **state)
{
    struct ring *ring = *state;
    char kid[LIMIT_KID + 1], grant[ACCESS_GRANT_ID + 1];
    jwkd_status item = JWKD_INTERNAL;
    ring_create(ring, "shop");
    ring_generate(ring, "shop", kid);
    assert_int_equal(
        add_grant(ring, "uid:7", "signer", "shop", "{\"aud\":[\"api\"]}", false, grant), JWKD_OK);
    assert_int_equal(sign(ring, "uid:7", "{}", &item), JWKD_OK);
    assert_int_equal(remove_grant(ring, grant), JWKD_OK);
    assert_int_equal(sign(ring, "uid:7", "{}", &item), JWKD_DENIED);
}

static bool may_by_book(
    const struct keyring_command *command, const struct book *book, uint64_t environment_id)
{
    const struct access_who who = {.principal = command->caller.principal};
    return (book_rights(book, &who, (struct access_where){.environment = "shop", .id = environment_id}) &
               RIGHT_MANAGE) != 0;
}

static void on_done(struct keyring_command *command, struct bytes reply, jwkd_status status)
{
    (void)reply;
    *(_Atomic jwkd_status *)command->context = status;
}

static jwkd_status retire_as(struct ring *ring, const char *principal, const char *kid)
{
    uint8_t id[16];
    _Atomic jwkd_status status = JWKD_IN_PROGRESS;
    Jwkd__V1__RetireRequest retire = JWKD__V1__RETIRE_REQUEST__INIT;
    Jwkd__V1__Request request = ring_request(ring, id, JWKD__V1__REQUEST__OPERATION_RETIRE);
    retire.environment = wire_text("shop");
    retire.kid = wire_text(kid);
    request.retire = &retire;
    struct keyring_command command = {.request = &request,
        .caller = {.principal = principal},
        .done = on_done,
        .context = &status,
        .may = may_by_book};
    assert_int_equal(keyring_change(ring->keyring, &command, NULL), JWKD_OK);
    AWAIT(status != JWKD_IN_PROGRESS);
    keyring_command_clear(&command);
    return status;
}

/* A change waits for the writer: what was withdrawn before it is decided is withdrawn. */
static void change__is_judged_when_it_is_decided(void **state)
{
    struct ring *ring = *state;
    char kid[LIMIT_KID + 1], second[LIMIT_KID + 1], grant[ACCESS_GRANT_ID + 1];
    ring_create(ring, "shop");
    ring_generate(ring, "shop", kid);
    ring_generate(ring, "shop", second);
    assert_int_equal(retire_as(ring, "uid:7", kid), JWKD_DENIED);
    assert_int_equal(add_grant(ring, "uid:7", "operator", "shop", "", false, grant), JWKD_OK);
    assert_int_equal(retire_as(ring, "uid:7", kid), JWKD_OK);
    assert_int_equal(remove_grant(ring, grant), JWKD_OK);
    assert_int_equal(retire_as(ring, "uid:7", kid), JWKD_DENIED);
}

static void first_grants(void **state)
{
    struct ring *ring = *state;
    assert_int_equal(count(ring, ACCESS_GRANT), 0); /* as of a store of an earlier version */
    ring->own_principal = "uid:1000";
    ring_restart(ring);
    const unsigned all = RIGHT_ALL;
    assert_int_equal(rights(ring, "uid:1000", "*") & all, all);
    assert_int_equal(rights(ring, "uid:0", "*") & all, all);
    assert_int_equal(rights(ring, "uid:1001", "*"), RIGHT_NONE);
    assert_int_equal(count(ring, ACCESS_GRANT), 12);
    ring_restart(ring);
    assert_int_equal(count(ring, ACCESS_GRANT), 12);
    ring->own_principal = "uid:1001"; /* another user runs it now */
    ring_restart(ring);
    assert_int_equal(rights(ring, "uid:1000", "*"), RIGHT_NONE);
    assert_int_equal(rights(ring, "uid:1001", "*") & all, all);
    assert_int_equal(rights(ring, "uid:0", "*") & all, all);
    ring->admin = "uid:5";
    ring_restart(ring);
    assert_true(ring_was_told(ring, "uid:5 was made an admin"));
    assert_int_equal(rights(ring, "uid:5", "*"), access_role_rights(ROLE_ADMIN));
    assert_int_equal(count(ring, ACCESS_GRANT), 13);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, ring_setup, ring_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(token__is_shown_once),
        CASE(token__is_kept_as_the_digest_of_its_secret),
        CASE(grant__survives_a_restart_with_its_rule),
        CASE(grant__that_makes_no_sense_is_refused),
        CASE(dry_run__changes_nothing),
        CASE(grants_of_an_environment__end_with_it),
        CASE(account__goes_with_what_is_its_own),
        CASE(last_admin__stays),
        CASE(signer__puts_into_a_token_what_its_rule_allows),
        CASE(signer__whose_grant_was_withdrawn_signs_nothing),
        CASE(change__is_judged_when_it_is_decided),
        CASE(first_grants),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
