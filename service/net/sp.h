/* SP, the protocol below nng's REQ and REP, as a byte stream carries it: the greeting, where a message ends,
 * and the backtrace that a reply brings back. Pure: bytes in, bytes out.
 *
 * Sources: nanomsg's RFCs "sp-tcp-mapping-01", "sp-ipc-mapping-01" and "sp-request-reply-01". */
#ifndef NET_SP_H
#define NET_SP_H

#include "base/bytes.h"
#include "wire/url.h"

enum {
    SP_GREETING = 8,
    SP_HOPS = 8,                    /* words of a backtrace; nng's default TTL */
    SP_BACKTRACE = 4 * SP_HOPS,     /* bytes of it, at most */
    SP_HEAD = 1 + 8 + SP_BACKTRACE, /* what stands before a reply's body, at most */
};

/* What REP says first, and expects to hear from REQ. */
extern const uint8_t SP_REP_GREETS[SP_GREETING];
bool sp_is_req(struct bytes greeting);

enum sp_found {
    SP_PART,    /* of a message; *out_size is its whole size, or 0 while that is not known */
    SP_MESSAGE, /* *out is one, which borrows from the bytes; *out_size of them are behind us */
    SP_WRONG,   /* not SP, larger than `largest`, or a backtrace without an end: close the connection */
};

struct sp_message {
    struct bytes backtrace, body;
};

/* Looks for a message at the start of the bytes that came. `largest` counts what the length field counts:
 * backtrace and body. */
enum sp_found sp_next(
    enum transport transport, struct bytes came, size_t largest, struct sp_message *out, size_t *out_size);

/* Writes what stands before the body of a reply; returns its size. */
size_t sp_head(enum transport transport, struct bytes backtrace, size_t body_size, uint8_t out[SP_HEAD]);

#endif
