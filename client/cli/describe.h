/* Keys and environments, for people and as JSON. */
#ifndef CLI_DESCRIBE_H
#define CLI_DESCRIBE_H

#include "cli/output.h"

const char *mode_name(jwkd_mode mode);
json_t *key_json(const jwkd_key *key);
/* With how it is used, which answers tell and events do not. */
json_t *key_with_use_json(const jwkd_key *key);
json_t *environment_json(const jwkd_environment *environment);
/* The key with the environment's state, as every verb that changes a key prints it with --json. */
json_t *key_answer_json(const char *environment, const jwkd_key_answer *answer);
/* What became of a key: one line for people ("made KID: primary, ..."), or key_answer_json(). */
jwkd_status print_key_answer(bool json, const char *environment, const char *done,
    const jwkd_key_answer *answer, jwkd_error *error) MUST_CHECK;
/* Which key signs from now on, a line for people. */
void print_signer(const char *environment, const char *primary_kid);
/* "RS256 4096", or the algorithm alone. */
void key_type_format(const char *algorithm, uint32_t bits, char out[MOMENT_SIZE]);

#endif
