#include "vectors/fields.h"

#include <stdio.h>
#include <stdlib.h>

#include "wire/cases.h"
#include "wire/wire.h"

/* One field of one message, and where it is. */
struct place {
    struct script *script;
    const ProtobufCFieldDescriptor *field;
    const void *member;
    bool whole;
    char where[256];
};

const ProtobufCMessageDescriptor *fields_type(struct script *script, const char *name)
{
    static const ProtobufCMessageDescriptor *const TYPES[] = {&jwkd__v1__request__descriptor,
        &jwkd__v1__reply__descriptor, &jwkd__v1__event__descriptor, &jwkd__v1__heartbeat__descriptor};
    for (size_t i = 0; i < sizeof TYPES / sizeof *TYPES; i++)
        if (strcmp(TYPES[i]->short_name, name) == 0) return TYPES[i];
    fail_msg("%s: there is no message \"%s\"", script->name, name);
    return NULL;
}

static size_t size_of(ProtobufCType type)
{
    switch (type) {
    case PROTOBUF_C_TYPE_INT64:
    case PROTOBUF_C_TYPE_SINT64:
    case PROTOBUF_C_TYPE_SFIXED64:
    case PROTOBUF_C_TYPE_UINT64:
    case PROTOBUF_C_TYPE_FIXED64:
    case PROTOBUF_C_TYPE_DOUBLE:
        return sizeof(uint64_t);
    case PROTOBUF_C_TYPE_STRING:
    case PROTOBUF_C_TYPE_MESSAGE:
        return sizeof(void *);
    case PROTOBUF_C_TYPE_BYTES:
        return sizeof(ProtobufCBinaryData);
    case PROTOBUF_C_TYPE_BOOL:
    case PROTOBUF_C_TYPE_INT32:
    case PROTOBUF_C_TYPE_SINT32:
    case PROTOBUF_C_TYPE_SFIXED32:
    case PROTOBUF_C_TYPE_UINT32:
    case PROTOBUF_C_TYPE_FIXED32:
    case PROTOBUF_C_TYPE_FLOAT:
    case PROTOBUF_C_TYPE_ENUM:
        break;
    }
    return sizeof(uint32_t);
}

/* A number as it is written: signed where it is below zero. */
static void number_text(const struct place *place, char out[24])
{
    uint32_t small;
    uint64_t large;
    memcpy(&small, place->member, sizeof small);
    if (size_of(place->field->type) == sizeof small) {
        snprintf(out, 24, "%lu", (unsigned long)small);
        return;
    }
    memcpy(&large, place->member, sizeof large);
    bool is_signed = place->field->type == PROTOBUF_C_TYPE_INT64;
    snprintf(out, 24, is_signed ? "%lld" : "%llu", (unsigned long long)large);
}

static void compare_text(const struct place *place, const char *found, const char *wanted)
{
    if (strcmp(found, wanted) != 0) fail_msg("%s is \"%s\", not \"%s\"", place->where, found, wanted);
}

/* As the vector writes it, without quotes. */
static const char *wanted_text(const struct place *place, int node)
{
    const struct json *json = &place->script->json;
    if (json_is(json, node, JSON_STRING)) return script_text(place->script, node);
    return arena_text(&place->script->texts, json->nodes[node].text);
}

static void compare_bytes(const struct place *place, int node)
{
    ProtobufCBinaryData bytes;
    memcpy(&bytes, place->member, sizeof bytes);
    char *digits = calloc(bytes.len + 1, 2);
    assert_non_null(digits);
    bytes_to_hex(wire_view(bytes), digits);
    compare_text(place, digits, script_text(place->script, node));
    free(digits);
}

static void compare_enum(const struct place *place, int node)
{
    char number[24];
    int value;
    memcpy(&value, place->member, sizeof value);
    const ProtobufCEnumValue *known = protobuf_c_enum_descriptor_get_value(place->field->descriptor, value);
    number_text(place, number);
    compare_text(place, known ? known->name : number, wanted_text(place, node));
}

/* One value: of a repeated field one of them. */
static void compare_value(const struct place *place, int node)
{
    const void *pointer;
    char number[24];
    switch (place->field->type) {
    case PROTOBUF_C_TYPE_MESSAGE:
        memcpy(&pointer, place->member, sizeof pointer);
        if (!pointer) fail_msg("%s is absent", place->where);
        fields_compare(place->script, node, pointer, place->whole, place->where);
        return;
    case PROTOBUF_C_TYPE_STRING:
        memcpy(&pointer, place->member, sizeof pointer);
        compare_text(place, pointer, script_text(place->script, node));
        return;
    case PROTOBUF_C_TYPE_BYTES:
        compare_bytes(place, node);
        return;
    case PROTOBUF_C_TYPE_ENUM:
        compare_enum(place, node);
        return;
    case PROTOBUF_C_TYPE_BOOL:
        number_text(place, number);
        compare_text(place, strcmp(number, "0") == 0 ? "false" : "true", wanted_text(place, node));
        return;
    case PROTOBUF_C_TYPE_INT32:
    case PROTOBUF_C_TYPE_SINT32:
    case PROTOBUF_C_TYPE_SFIXED32:
    case PROTOBUF_C_TYPE_UINT32:
    case PROTOBUF_C_TYPE_FIXED32:
    case PROTOBUF_C_TYPE_FLOAT:
    case PROTOBUF_C_TYPE_INT64:
    case PROTOBUF_C_TYPE_SINT64:
    case PROTOBUF_C_TYPE_SFIXED64:
    case PROTOBUF_C_TYPE_UINT64:
    case PROTOBUF_C_TYPE_FIXED64:
    case PROTOBUF_C_TYPE_DOUBLE:
        break;
    }
    number_text(place, number);
    compare_text(place, number, wanted_text(place, node));
}

static uint32_t read_number(const ProtobufCMessage *message, unsigned offset)
{
    uint32_t number;
    memcpy(&number, (const char *)message + offset, sizeof number);
    return number;
}

static size_t count_of(const ProtobufCMessage *message, const ProtobufCFieldDescriptor *field)
{
    size_t count;
    memcpy(&count, (const char *)message + field->quantifier_offset, sizeof count);
    return count;
}

static void compare_list(const struct place *place, const ProtobufCMessage *message, int array)
{
    size_t count = count_of(message, place->field), listed = 0;
    const char *items;
    memcpy(&items, place->member, sizeof items);
    struct place item = *place;
    for (int at = JSON_NONE; script_next(place->script, array, &at); listed++) {
        if (listed == count) break;
        item.member = items + listed * size_of(place->field->type);
        compare_value(&item, at);
    }
    if (listed != count || place->script->json.nodes[array].children != count)
        fail_msg("%s has %zu items", place->where, count);
}

static bool is_chosen(const ProtobufCMessage *message, const ProtobufCFieldDescriptor *field)
{
    return !(field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) ||
           read_number(message, field->quantifier_offset) == field->id;
}

/* Whether the field says nothing. */
static bool is_default(const ProtobufCMessage *message, const ProtobufCFieldDescriptor *field)
{
    const char *member = (const char *)message + field->offset;
    const char *text;
    static const char ZEROS[sizeof(ProtobufCBinaryData)];
    if (field->label == PROTOBUF_C_LABEL_REPEATED) return count_of(message, field) == 0;
    if (!is_chosen(message, field)) return true;
    memcpy(&text, member, sizeof text);
    if (field->type == PROTOBUF_C_TYPE_STRING) return *text == '\0';
    if (field->type == PROTOBUF_C_TYPE_BYTES)
        return memcmp(member, ZEROS, sizeof(size_t)) == 0; /* its length */
    return memcmp(member, ZEROS, size_of(field->type)) == 0;
}

static void compare_field(struct place *place, const ProtobufCMessage *message, int node, const char *where)
{
    const ProtobufCFieldDescriptor *field = place->field;
    snprintf(place->where, sizeof place->where, "%.180s.%.60s", where, field->name);
    place->member = (const char *)message + field->offset;
    if (node == JSON_NONE) {
        if (place->whole && !is_default(message, field)) fail_msg("%s is not spoken of", place->where);
    } else if (field->label == PROTOBUF_C_LABEL_REPEATED) {
        compare_list(place, message, node);
    } else if (!is_chosen(message, field)) {
        fail_msg("%s is absent", place->where);
    } else {
        compare_value(place, node);
    }
}

void fields_compare(
    struct script *script, int object, const ProtobufCMessage *message, bool whole, const char *where)
{
    size_t spoken_of = 0;
    for (unsigned i = 0; i < message->descriptor->n_fields; i++) {
        struct place place = {.script = script, .field = &message->descriptor->fields[i], .whole = whole};
        int node = script_member(script, object, place.field->name);
        spoken_of += node != JSON_NONE;
        compare_field(&place, message, node, where);
    }
    if (script->json.nodes[object].children != spoken_of)
        fail_msg("%s: something is spoken of that is no field", where);
}
