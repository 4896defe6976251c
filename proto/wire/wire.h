/* Bytes from and to the messages of jwkd.proto, under caps; and the topics of events. */
#ifndef WIRE_WIRE_H
#define WIRE_WIRE_H

#include "base/bytes.h"
#include "base/limits.h"
#include "jwkd.pb-c.h"
#include "wire/arena.h"

enum { WIRE_VERSION = 1 };

/* What a caller may say in Request.understands; numbers that are not known mean nothing. */
enum { WIRE_NEW_STATUSES = 1 };
/* What is said in every request of ours, for an array of one. */
#define WIRE_UNDERSTOOD   \
    {                     \
        WIRE_NEW_STATUSES \
    }

/* A status that was received: one that is not known here, or is never sent, is INTERNAL. */
jwkd_status wire_status(Jwkd__V1__Status status);
/* A status as the caller of `request` (NULL: it could not be read) understands it: 0.1.0 took what it did
 * not know for INTERNAL, so that a newer one is sent only to who said that it knows them. */
jwkd_status wire_status_for(const Jwkd__V1__Request *request, jwkd_status status);

/* Unpacks into the arena (which this initialises, sized by the message and the limits); the result
 * lives until arena_clear(), which the caller owes in every case. MALFORMED when the bytes are not
 * such a message or want more memory than their size warrants. */
jwkd_status wire_unpack(const ProtobufCMessageDescriptor *type, struct bytes packed, struct arena *arena,
    ProtobufCMessage **out) MUST_CHECK;

/* Leaves out, at every depth of a message that was unpacked into an arena, what this version does not know:
 * it is not packed again. */
void wire_forget_unknown(ProtobufCMessage *message);

/* Appends the packed message. */
jwkd_status wire_pack(const ProtobufCMessage *message, struct buffer *out) MUST_CHECK;

/* Appends the topic of an environment's events: its name and a NUL byte. */
jwkd_status wire_topic(const char *environment, struct buffer *out) MUST_CHECK;
/* The topic of heartbeats: one NUL byte, which no environment's name begins with. */
#define WIRE_HEARTBEAT_TOPIC ((struct bytes){.data = (const uint8_t *)"", .size = 1})
/* Splits a published message at its first NUL byte into topic (without the NUL) and body. MALFORMED
 * when there is none. Both views borrow from `message`. */
jwkd_status wire_split(struct bytes message, struct bytes *out_topic, struct bytes *out_body) MUST_CHECK;

/* Sets a `bytes` field to a view; protobuf-c does not write through it. */
static inline ProtobufCBinaryData wire_bytes(struct bytes bytes)
{
    return (ProtobufCBinaryData){.len = bytes.size, .data = (uint8_t *)(uintptr_t)bytes.data};
}
static inline struct bytes wire_view(ProtobufCBinaryData field)
{
    return bytes_of(field.data, field.len);
}
/* protobuf-c's string fields are `char *`, though packing only reads them. */
static inline char *wire_text(const char *text)
{
    return (char *)(uintptr_t)(text ? text : "");
}

#endif
