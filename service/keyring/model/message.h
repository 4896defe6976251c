/* Between the model and the messages of the contract. What is filled in borrows from the model. */
#ifndef KEYRING_MESSAGE_H
#define KEYRING_MESSAGE_H

#include "keyring/model/snapshot.h"
#include "wire/wire.h"

/* The parts of an environment's message that need a place of their own. */
struct environment_message {
    Jwkd__V1__Environment environment;
    Jwkd__V1__State state;
    Jwkd__V1__Operation pending;
};

/* UNSUPPORTED: the message lists the algorithms that are known. */
jwkd_status message_algorithm(const char *name, enum alg *out, jwkd_error *error) MUST_CHECK;

void message_state(const struct ring_environment *environment, const uint8_t epoch[16], Jwkd__V1__State *out);
void message_environment(
    const struct ring_environment *environment, const uint8_t epoch[16], struct environment_message *out);
/* Fills the message of a key. `show`: with the public key, even if the environment does not show it. */
void message_key(const struct ring_environment *environment, size_t index, bool show, Jwkd__V1__Key *out);
/* Adds what the key has signed so far. Only for answers, never for an event or a row. */
void message_usage(const struct ring_key *key, Jwkd__V1__Key *out);
/* Fills the operation of the promotion that waits. */
void message_promotion(const struct ring_environment *environment, Jwkd__V1__Operation *out);

/* Takes settings from a message: all if `fields` is NULL, otherwise those that it names. INVALID_ARGUMENT and
 * UNSUPPORTED name the field. The caller still has to validate the result. */
jwkd_status message_settings(const Jwkd__V1__Environment *message, char *const *fields, size_t field_count,
    struct environment *in_out, jwkd_error *error) MUST_CHECK;

#endif
