/* Promotions that wait or have ended, for people and as JSON. */
#ifndef CLI_OPERATION_H
#define CLI_OPERATION_H

#include "cli/output.h"

const char *operation_kind_name(const jwkd_operation *operation); /* "promotion" or "rotation" */
const char *operation_phase_name(jwkd_phase phase);               /* "waiting", "done" or "cancelled" */
json_t *operation_json(const jwkd_operation *operation);

enum { OPERATION_TEXT_SIZE = 256 };
/* What one that waits waits for: "2 of 3 subscribers have confirmed the key; at most 12 s more". */
void operation_format_progress(const jwkd_operation *operation, char out[OPERATION_TEXT_SIZE]);
/* For people as aligned lines, or JSON. */
jwkd_status print_operation(bool json, const jwkd_operation *operation, jwkd_error *error) MUST_CHECK;

#endif
