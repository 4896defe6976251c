#include "operations/table.h"

#include "wire/cases.h"

static const struct operation *of_case(unsigned number)
{
    Jwkd__V1__Request request = JWKD__V1__REQUEST__INIT;
    request.operation_case = (Jwkd__V1__Request__OperationCase)number;
    return operation_of(&request);
}

/* An operation that is added to the contract must be thought of here, too. */
static void operation__has_a_row(void **state)
{
    (void)state;
    const ProtobufCMessageDescriptor *type = &jwkd__v1__request__descriptor;
    unsigned operations = 0;
    for (unsigned i = 0; i < type->n_fields; i++) {
        if (!(type->fields[i].flags & PROTOBUF_C_FIELD_FLAG_ONEOF)) continue;
        if (!of_case(type->fields[i].id)) fail_msg("no row for %s", type->fields[i].name);
        operations++;
    }
    assert_true(operations >= 25);
    assert_null(of_case(0));
    assert_null(of_case(5));
    assert_null(of_case(1000));
}

static void operation__passes_a_relay_only_as_question_or_registration(void **state)
{
    (void)state;
    static const unsigned PASSED[] = {JWKD__V1__REQUEST__OPERATION_HELLO, JWKD__V1__REQUEST__OPERATION_STATUS,
        JWKD__V1__REQUEST__OPERATION_LIST_ENVIRONMENTS, JWKD__V1__REQUEST__OPERATION_LIST_KEYS,
        JWKD__V1__REQUEST__OPERATION_GET_KEY, JWKD__V1__REQUEST__OPERATION_VERIFY,
        JWKD__V1__REQUEST__OPERATION_GET_JWKS, JWKD__V1__REQUEST__OPERATION_GET_CHANGES,
        JWKD__V1__REQUEST__OPERATION_RENEW, JWKD__V1__REQUEST__OPERATION_LIST_SUBSCRIBERS,
        JWKD__V1__REQUEST__OPERATION_GET_OPERATION, JWKD__V1__REQUEST__OPERATION_GET_RECEIPT};
    unsigned passed = 0;
    for (unsigned number = 0; number < 100; number++) {
        const struct operation *operation = of_case(number);
        if (operation && operation->relayed != RELAYED_NEVER) passed++;
    }
    assert_int_equal(passed, sizeof PASSED / sizeof *PASSED);
    for (size_t i = 0; i < sizeof PASSED / sizeof *PASSED; i++)
        assert_int_not_equal(of_case(PASSED[i])->relayed, RELAYED_NEVER);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(operation__has_a_row),
        cmocka_unit_test(operation__passes_a_relay_only_as_question_or_registration),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
