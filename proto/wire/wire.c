#include "wire/wire.h"

jwkd_status wire_unpack(
    const ProtobufCMessageDescriptor *type, struct bytes packed, struct arena *arena, ProtobufCMessage **out)
{
    arena_init(arena, packed.size * LIMIT_UNPACK_FACTOR + LIMIT_UNPACK_BASE);
    ProtobufCMessage *message = protobuf_c_message_unpack(type, &arena->allocator, packed.size, packed.data);
    if (!message) return JWKD_MALFORMED;
    *out = message;
    return JWKD_OK;
}

jwkd_status wire_pack(const ProtobufCMessage *message, struct buffer *out)
{
    size_t size = protobuf_c_message_get_packed_size(message);
    if (size == 0) return JWKD_OK; /* all defaults: nothing to write, and perhaps nowhere to write it */
    TRY(buffer_reserve(out, size));
    out->size += protobuf_c_message_pack(message, out->data + out->size);
    return JWKD_OK;
}

jwkd_status wire_topic(const char *environment, struct buffer *out)
{
    return buffer_append(out, environment, strlen(environment) + 1);
}

jwkd_status wire_split(struct bytes message, struct bytes *out_topic, struct bytes *out_body)
{
    const uint8_t *nul = message.size ? memchr(message.data, '\0', message.size) : NULL;
    if (!nul) return JWKD_MALFORMED;
    size_t topic = (size_t)(nul - message.data);
    *out_topic = bytes_of(message.data, topic);
    *out_body = bytes_of(nul + 1, message.size - topic - 1);
    return JWKD_OK;
}

/* ---- statuses */

jwkd_status wire_status(Jwkd__V1__Status status)
{
    const ProtobufCEnumDescriptor *known = &jwkd__v1__status__descriptor;
    return protobuf_c_enum_descriptor_get_value(known, (int)status) ? (jwkd_status)status : JWKD_INTERNAL;
}

static bool understands(const Jwkd__V1__Request *request, uint32_t what)
{
    for (size_t i = 0; request && i < request->n_understands; i++)
        if (request->understands[i] == what) return true;
    return false;
}

jwkd_status wire_status_for(const Jwkd__V1__Request *request, jwkd_status status)
{
    if (status <= JWKD_REFUSED || understands(request, WIRE_NEW_STATUSES)) return status;
    return status == JWKD_UNAUTHENTICATED ? JWKD_DENIED : JWKD_NOT_FOUND;
}

/* The C interface and the wire speak the same numbers. */
#define SAME(c, wire) _Static_assert((int)(c) == (int)(wire), #c)
SAME(JWKD_OK, JWKD__V1__STATUS__OK);
SAME(JWKD_INVALID_ARGUMENT, JWKD__V1__STATUS__INVALID_ARGUMENT);
SAME(JWKD_MALFORMED, JWKD__V1__STATUS__MALFORMED);
SAME(JWKD_UNSUPPORTED, JWKD__V1__STATUS__UNSUPPORTED);
SAME(JWKD_NOT_FOUND, JWKD__V1__STATUS__NOT_FOUND);
SAME(JWKD_ALREADY_EXISTS, JWKD__V1__STATUS__ALREADY_EXISTS);
SAME(JWKD_CONFLICT, JWKD__V1__STATUS__CONFLICT);
SAME(JWKD_FAILED_PRECONDITION, JWKD__V1__STATUS__FAILED_PRECONDITION);
SAME(JWKD_DENIED, JWKD__V1__STATUS__DENIED);
SAME(JWKD_BUSY, JWKD__V1__STATUS__BUSY);
SAME(JWKD_DEADLINE_EXCEEDED, JWKD__V1__STATUS__DEADLINE_EXCEEDED);
SAME(JWKD_WRONG_BOOT, JWKD__V1__STATUS__WRONG_BOOT);
SAME(JWKD_UNAVAILABLE, JWKD__V1__STATUS__UNAVAILABLE);
SAME(JWKD_RESOURCE_EXHAUSTED, JWKD__V1__STATUS__RESOURCE_EXHAUSTED);
SAME(JWKD_COMPACTED, JWKD__V1__STATUS__COMPACTED);
SAME(JWKD_IN_PROGRESS, JWKD__V1__STATUS__IN_PROGRESS);
SAME(JWKD_CORRUPT, JWKD__V1__STATUS__CORRUPT);
SAME(JWKD_NO_PRIMARY, JWKD__V1__STATUS__NO_PRIMARY);
SAME(JWKD_NO_MEMORY, JWKD__V1__STATUS__NO_MEMORY);
SAME(JWKD_INTERNAL, JWKD__V1__STATUS__INTERNAL);
SAME(JWKD_NOT_REGISTERED, JWKD__V1__STATUS__NOT_REGISTERED);
SAME(JWKD_UNAUTHENTICATED, JWKD__V1__STATUS__UNAUTHENTICATED);
SAME(JWKD_VERDICT_VALID, JWKD__V1__VERDICT__VALID);
SAME(JWKD_VERDICT_MALFORMED, JWKD__V1__VERDICT__TOKEN_MALFORMED);
SAME(JWKD_VERDICT_ALGORITHM_NOT_ALLOWED, JWKD__V1__VERDICT__ALGORITHM_NOT_ALLOWED);
SAME(JWKD_VERDICT_UNKNOWN_KEY, JWKD__V1__VERDICT__UNKNOWN_KEY);
SAME(JWKD_VERDICT_KEY_DEACTIVATED, JWKD__V1__VERDICT__KEY_DEACTIVATED);
SAME(JWKD_VERDICT_BAD_SIGNATURE, JWKD__V1__VERDICT__BAD_SIGNATURE);
SAME(JWKD_VERDICT_EXPIRED, JWKD__V1__VERDICT__EXPIRED);
SAME(JWKD_VERDICT_NOT_YET_VALID, JWKD__V1__VERDICT__NOT_YET_VALID);
SAME(JWKD_VERDICT_WRONG_ISSUER, JWKD__V1__VERDICT__WRONG_ISSUER);
SAME(JWKD_VERDICT_WRONG_AUDIENCE, JWKD__V1__VERDICT__WRONG_AUDIENCE);
SAME(JWKD_VERDICT_WRONG_TYPE, JWKD__V1__VERDICT__WRONG_TYPE);
SAME(JWKD_VERDICT_MISSING_CLAIM, JWKD__V1__VERDICT__MISSING_CLAIM);
SAME(JWKD_VERDICT_KEYS_TOO_OLD, JWKD__V1__VERDICT__KEYS_TOO_OLD);

static void *member_at(ProtobufCMessage *message, unsigned offset)
{
    return (uint8_t *)message + offset;
}

/* Of a field that is not repeated: whether it is the one of its oneof that is set. */
static bool is_chosen(ProtobufCMessage *message, const ProtobufCFieldDescriptor *field)
{
    if (!(field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF)) return true;
    return *(const uint32_t *)member_at(message, field->quantifier_offset) == field->id;
}

void wire_forget_unknown(ProtobufCMessage *message)
{
    if (!message) return;
    message->n_unknown_fields = 0;
    message->unknown_fields = NULL;
    for (unsigned i = 0; i < message->descriptor->n_fields; i++) {
        const ProtobufCFieldDescriptor *field = &message->descriptor->fields[i];
        if (field->type != PROTOBUF_C_TYPE_MESSAGE || !is_chosen(message, field)) continue;
        ProtobufCMessage **members = member_at(message, field->offset);
        size_t count = 1;
        if (field->label == PROTOBUF_C_LABEL_REPEATED) {
            count = *(const size_t *)member_at(message, field->quantifier_offset);
            members = *(ProtobufCMessage ***)(void *)members;
        }
        for (size_t k = 0; k < count; k++)
            wire_forget_unknown(members[k]);
    }
}
