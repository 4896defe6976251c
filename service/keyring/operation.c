#include "keyring/operation.h"

#include "base/cleanup.h"

static void forget_unknown_fields(ProtobufCMessage *message);

static void forget_in_field(ProtobufCMessage *message, const ProtobufCFieldDescriptor *field)
{
    uint8_t *place = (uint8_t *)message + field->offset;
    ProtobufCMessage **items = (ProtobufCMessage **)(void *)place;
    size_t count = 1;
    if (field->type != PROTOBUF_C_TYPE_MESSAGE) return;
    if (field->label == PROTOBUF_C_LABEL_REPEATED) {
        memcpy(&count, (uint8_t *)message + field->quantifier_offset, sizeof count);
        memcpy(&items, place, sizeof items);
    }
    for (size_t i = 0; i < count; i++)
        if (items[i]) forget_unknown_fields(items[i]);
}

/* Whether the field is in a oneof that has another member chosen: the two share their place. */
static bool is_other_member(const ProtobufCMessage *message, const ProtobufCFieldDescriptor *field)
{
    uint32_t chosen;
    if (!(field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF)) return false;
    memcpy(&chosen, (const uint8_t *)message + field->quantifier_offset, sizeof chosen);
    return chosen != field->id;
}

static void forget_unknown_fields(ProtobufCMessage *message)
{
    message->n_unknown_fields = 0;
    for (unsigned i = 0; i < message->descriptor->n_fields; i++)
        if (!is_other_member(message, &message->descriptor->fields[i]))
            forget_in_field(message, &message->descriptor->fields[i]);
}

/* The request is borrowed, so unknown fields are removed from a copy. */
jwkd_status operation_digest(const Jwkd__V1__Request *request, uint8_t out[OPERATION_DIGEST_SIZE])
{
    Jwkd__V1__Request operation = JWKD__V1__REQUEST__INIT;
    operation.operation_case = request->operation_case;
    operation.hello = request->hello; /* all members share a union, so this copies whichever is set */
    CLEANUP(buffer_clear) struct buffer packed = {0}, known = {0};
    CLEANUP(arena_clear) struct arena arena = {0};
    ProtobufCMessage *copy;
    TRY(wire_pack(&operation.base, &packed));
    TRY(wire_unpack(&jwkd__v1__request__descriptor, buffer_bytes(&packed), &arena, &copy));
    forget_unknown_fields(copy);
    TRY(wire_pack(copy, &known));
    return alg_sha256(buffer_bytes(&known), out);
}
