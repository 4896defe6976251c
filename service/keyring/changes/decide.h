/* How each change is decided: the functions that changes/table.c refers to. */
#ifndef KEYRING_CHANGES_DECIDE_H
#define KEYRING_CHANGES_DECIDE_H

#include "keyring/changes/access_edit.h"

/* Decides one change of the environment that the edit is of, and carries it out in the edit's transaction.
 * See change_decide(). */
typedef jwkd_status change_decision(
    struct edit *edit, const struct change_request *change, struct reply *reply, jwkd_error *error);

/* Likewise, of a change of accounts, tokens or grants. */
typedef jwkd_status access_decision(
    struct access_edit *edit, const struct change_request *change, struct reply *reply, jwkd_error *error);

access_decision decide_create_account, decide_delete_account, decide_create_token, decide_revoke_token;
access_decision decide_add_grant, decide_remove_grant;

change_decision decide_create_environment, decide_update_environment, decide_delete_environment;
change_decision decide_generate, decide_import;
change_decision decide_set_primary, decide_deactivate, decide_retire, decide_destroy, decide_abort_rotation;

/* Publishes a key whose sealed form and JWK are there, and answers. */
jwkd_status change_publish(struct edit *edit, struct ring_key *key, const struct publication_terms *terms,
    struct reply *reply, jwkd_error *error) MUST_CHECK;

/* Answers a change of a key. `show`: with the public key. */
jwkd_status change_answer_key(const struct edit *edit, int index, bool show, struct reply *reply) MUST_CHECK;

#endif
