/* Every operation by every role, in an environment that the role was granted in, in another one and in one that is
 * not there: from the table of operations and the table of roles. */
#include "keyring/ring.h"

#include "operations/access.h"

static void grant(struct ring *ring, const char *principal, const char *role, const char *environment)
{
    uint8_t id[16];
    Jwkd__V1__AddGrantRequest add = JWKD__V1__ADD_GRANT_REQUEST__INIT;
    Jwkd__V1__Request request = ring_request(ring, id, JWKD__V1__REQUEST__OPERATION_ADD_GRANT);
    add.principal = wire_text(principal);
    add.role = wire_text(role);
    add.environment = wire_text(environment);
    request.add_grant = &add;
    assert_int_equal(ring_status(ring, &request), JWKD_OK);
}

/* What a caller over a socket is, without a credential. */
static jwkd_status ask(struct ring *ring, const char *principal, const struct operation *operation,
    const char *environment, jwkd_error *error)
{
    CLEANUP(snapshot_unref_at) struct snapshot *snapshot = keyring_snapshot(ring->keyring);
    const struct caller caller = {.principal = principal};
    return access_check(snapshot, &caller, operation, environment, error);
}

typedef void visit_operation(struct ring *ring, const struct operation *operation, const char *name);

static void each_operation(struct ring *ring, visit_operation *visit)
{
    const ProtobufCMessageDescriptor *type = &jwkd__v1__request__descriptor;
    for (unsigned i = 0; i < type->n_fields; i++) {
        if (!(type->fields[i].flags & PROTOBUF_C_FIELD_FLAG_ONEOF)) continue;
        Jwkd__V1__Request request = JWKD__V1__REQUEST__INIT;
        request.operation_case = (Jwkd__V1__Request__OperationCase)type->fields[i].id;
        assert_non_null(operation_of(&request));
        visit(ring, operation_of(&request), type->fields[i].name);
    }
}

static void expect(jwkd_status found, bool allowed, const char *who, const char *name, const char *where)
{
    if ((found == JWKD_OK) != allowed)
        fail_msg("%s %s %s in %s", who, allowed ? "may not" : "may", name, where);
    if (found != JWKD_OK) assert_int_equal(found, JWKD_DENIED);
}

static void try_operation(struct ring *ring, const struct operation *operation, const char *name)
{
    char own[32], everywhere[32];
    for (int role = ROLE_NONE + 1; role < ROLE_COUNT; role++) {
        bool has = operation->right == RIGHT_NONE ||
                   access_role_rights((enum access_role)role) & (unsigned)operation->right;
        bool here = has && (operation->right == RIGHT_NONE || operation->scope == SCOPE_ENVIRONMENT);
        bool free = operation->right == RIGHT_NONE;
        snprintf(own, sizeof own, "uid:%d", 100 + role);
        snprintf(everywhere, sizeof everywhere, "uid:%d", 200 + role);
        if (role != ROLE_RELAY) expect(ask(ring, own, operation, "own", NULL), here, own, name, "its own");
        expect(ask(ring, own, operation, "foreign", NULL), free, own, name, "a foreign one");
        expect(ask(ring, own, operation, "absent", NULL), free, own, name, "an absent one");
        expect(ask(ring, everywhere, operation, "own", NULL), has, everywhere, name, "every one");
        expect(ask(ring, everywhere, operation, "absent", NULL), has, everywhere, name, "every one");
    }
    expect(ask(ring, "anonymous", operation, "own", NULL), operation->right == RIGHT_NONE, "anonymous", name,
        "any");
}

static void role__may_what_its_rights_say_and_no_more(void **state)
{
    struct ring *ring = *state;
    char principal[32];
    ring_create(ring, "own");
    ring_create(ring, "foreign");
    for (int role = ROLE_NONE + 1; role < ROLE_COUNT; role++) {
        snprintf(principal, sizeof principal, "uid:%d", 100 + role);
        if (role != ROLE_RELAY) grant(ring, principal, access_role_name((enum access_role)role), "own");
        snprintf(principal, sizeof principal, "uid:%d", 200 + role);
        grant(ring, principal, access_role_name((enum access_role)role), "*");
    }
    each_operation(ring, try_operation);
}

/* What is said tells nothing of what is there. */
static void compare_words(struct ring *ring, const struct operation *operation, const char *name)
{
    jwkd_error foreign = {0}, absent = {0};
    (void)name;
    if (operation->right == RIGHT_NONE) return;
    assert_int_equal(ask(ring, "uid:1", operation, "one", &foreign), JWKD_DENIED);
    assert_int_equal(ask(ring, "uid:1", operation, "two", &absent), JWKD_DENIED);
    char *place = strstr(absent.message, "two");
    if (place) memcpy(place, "one", 3);
    assert_string_equal(foreign.message, absent.message);
    assert_non_null(strstr(foreign.message, access_right_name(operation->right)));
}

static void denial__does_not_tell_whether_there_is_such_an_environment(void **state)
{
    struct ring *ring = *state;
    ring_create(ring, "one");
    each_operation(ring, compare_words);
}

/* Nothing that changes something, or signs, is open to all. */
static void check_right(struct ring *ring, const struct operation *operation, const char *name)
{
    (void)ring;
    bool reads = operation->class == OPERATION_INLINE || operation->class == OPERATION_POOL;
    if (!reads && operation->right == RIGHT_NONE) fail_msg("%s takes no right", name);
}

static void operation__that_changes_something_takes_a_right(void **state)
{
    each_operation(*state, check_right);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, ring_setup, ring_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(role__may_what_its_rights_say_and_no_more),
        CASE(denial__does_not_tell_whether_there_is_such_an_environment),
        CASE(operation__that_changes_something_takes_a_right),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
