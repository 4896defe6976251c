#include "fuzz.h"

#include "wire/wire.h"

/* What a subscriber does with whatever arrives: split, then an event or a heartbeat; what it unpacks packs
 * again. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes topic, body;
    if (wire_split(bytes_of(data, size), &topic, &body) != JWKD_OK) return 0;
    MUST(topic.size + 1 + body.size == size);
    const ProtobufCMessageDescriptor *type =
        topic.size ? &jwkd__v1__event__descriptor : &jwkd__v1__heartbeat__descriptor;
    struct arena arena;
    ProtobufCMessage *message;
    if (wire_unpack(type, body, &arena, &message) == JWKD_OK) {
        struct buffer packed = {0};
        MUST(wire_pack(message, &packed) == JWKD_OK);
        buffer_clear(&packed);
    }
    arena_clear(&arena);
    return 0;
}
