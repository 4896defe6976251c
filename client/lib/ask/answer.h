/* The service's messages as the public structures. Texts are placed in a block. */
#ifndef LIB_ANSWER_H
#define LIB_ANSWER_H

#include "lib/ask/block.h"
#include "lib/connection/call.h"

jwkd_environment answer_environment(struct block *block, const Jwkd__V1__Environment *from);
jwkd_key answer_key(struct block *block, const Jwkd__V1__Key *from);

/* NULL from NULL. */
const jwkd_operation *answer_operation(struct block *block, const Jwkd__V1__Operation *from);
/* 16 bytes in hexadecimal; "" for any other number. */
const char *answer_hex(struct block *block, ProtobufCBinaryData from);

/* The other way, borrowing every text. */
Jwkd__V1__Environment answer_to_environment(const jwkd_environment *from);

/* One block from a reply's result; MALFORMED where a part that must be there is missing. */
jwkd_status answer_environment_block(
    const struct reply *reply, jwkd_environment **out, jwkd_error *error) MUST_CHECK;
jwkd_status answer_key_block(const struct reply *reply, jwkd_key_answer **out, jwkd_error *error) MUST_CHECK;

/* A jwkd_event in one block. */
struct event_parts {
    const Jwkd__V1__Event *event;
    const Jwkd__V1__Change *change;
};
/* Whether every change has what its kind promises and its kind is one of ours. Of the log, an event may be of
 * a run that is over: it has no boot id then. */
bool answer_event_is_whole(const Jwkd__V1__Event *event);
/* Whether it ends the environment. */
bool answer_event_deletes(const Jwkd__V1__Event *event);
jwkd_status answer_event_block(
    const Jwkd__V1__Event *event, const Jwkd__V1__Change *change, jwkd_event **out) MUST_CHECK;

#endif
