/* What a caller may, and why not: answered by the door itself, which knows the operations and their rights.
 */
#ifndef OPERATIONS_ACCESS_H
#define OPERATIONS_ACCESS_H

#include "operations/denials.h"
#include "operations/door.h"
#include "operations/table.h"

/* Whether the caller has the operation's right where the request wants it. DENIED names the right, and never
 * whether there is such an environment. */
jwkd_status access_check(const struct snapshot *snapshot, const struct caller *caller,
    const struct operation *operation, const char *environment, jwkd_error *error) MUST_CHECK;

/* Each fills the reply. */
jwkd_status access_whoami(const struct door_options *options, const struct caller *caller,
    struct reply *reply, jwkd_error *error) MUST_CHECK;
jwkd_status access_test_grant(const struct door_options *options, const Jwkd__V1__TestGrantRequest *request,
    struct reply *reply, jwkd_error *error) MUST_CHECK;
jwkd_status access_explain(struct denials *denials, const Jwkd__V1__ExplainRequest *request,
    struct reply *reply, jwkd_error *error) MUST_CHECK;

#endif
