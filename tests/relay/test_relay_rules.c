#include "relay/rules.h"

#include "wire/cases.h"

static enum rule rule_of_case(unsigned number)
{
    Jwkd__V1__Request request = JWKD__V1__REQUEST__INIT;
    request.operation_case = (Jwkd__V1__Request__OperationCase)number;
    return rule_of(&request);
}

/* An operation that is added to the contract must be thought of here, too. */
static void rule__is_there_for_every_operation(void **state)
{
    (void)state;
    const ProtobufCMessageDescriptor *type = &jwkd__v1__request__descriptor;
    unsigned operations = 0;
    for (unsigned i = 0; i < type->n_fields; i++) {
        if (!(type->fields[i].flags & PROTOBUF_C_FIELD_FLAG_ONEOF)) continue;
        if (rule_of_case(type->fields[i].id) == RULE_UNKNOWN)
            fail_msg("no rule for %s", type->fields[i].name);
        operations++;
    }
    assert_true(operations >= 25);
    assert_int_equal(rule_of_case(0), RULE_UNKNOWN);
    assert_int_equal(rule_of_case(5), RULE_UNKNOWN);
    assert_int_equal(rule_of_case(1000), RULE_UNKNOWN);
}

static void rule__lets_only_questions_and_registrations_pass(void **state)
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
        enum rule rule = rule_of_case(number);
        if (rule != RULE_UNKNOWN && rule != RULE_REFUSE) passed++;
    }
    assert_int_equal(passed, sizeof PASSED / sizeof *PASSED);
    for (size_t i = 0; i < sizeof PASSED / sizeof *PASSED; i++)
        assert_int_not_equal(rule_of_case(PASSED[i]), RULE_REFUSE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rule__is_there_for_every_operation),
        cmocka_unit_test(rule__lets_only_questions_and_registrations_pass),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
