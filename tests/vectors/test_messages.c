/* proto/vectors/messages.json: each message is unpacked, compared with what is said of it, and packed again.
 */
#include <stdio.h>

#include "base/cleanup.h"

#include "vectors/fields.h"
#include "wire/cases.h"
#include "wire/wire.h"

static struct script script;

static void pack_again(const ProtobufCMessage *message, int vector)
{
    CLEANUP(buffer_clear) struct buffer wanted = {0}, packed = {0};
    bool otherwise = script_member(&script, vector, "repacks_as") != JSON_NONE;
    script_hex_of(&script, vector, otherwise ? "repacks_as" : "hex", &wanted);
    assert_int_equal(wire_pack(message, &packed), JWKD_OK);
    if (!bytes_equal(buffer_bytes(&packed), buffer_bytes(&wanted)))
        fail_msg("%s is packed otherwise", script_text_of(&script, vector, "name"));
}

static void message__means_what_is_said(void **state)
{
    (void)state;
    size_t count = 0;
    for (int at = JSON_NONE; script_next(&script, script_must(&script, JSON_ROOT, "messages"), &at);
         count++) {
        const char *name = script_text_of(&script, at, "name");
        CLEANUP(buffer_clear) struct buffer packed = {0};
        CLEANUP(arena_clear) struct arena arena = {0};
        ProtobufCMessage *message;
        script_hex_of(&script, at, "hex", &packed);
        if (wire_unpack(fields_type(&script, script_text_of(&script, at, "type")), buffer_bytes(&packed),
                &arena, &message) != JWKD_OK)
            fail_msg("%s cannot be unpacked", name);
        fields_compare(&script, script_must(&script, at, "fields"), message, true, name);
        wire_forget_unknown(message);
        pack_again(message, at);
    }
    assert_true(count >= 50);
}

/* The messages must have every kind of request and reply, and so each new one. */
static void message__of_each_kind_is_there(void **state)
{
    (void)state;
    static const char *const TYPES[] = {"Request", "Reply"};
    for (size_t i = 0; i < 2; i++) {
        const ProtobufCMessageDescriptor *type = fields_type(&script, TYPES[i]);
        for (unsigned k = 0; k < type->n_fields; k++) {
            const ProtobufCFieldDescriptor *field = &type->fields[k];
            bool found = !(field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF);
            for (int at = JSON_NONE;
                 script_next(&script, script_must(&script, JSON_ROOT, "messages"), &at);) {
                bool same = strcmp(script_text_of(&script, at, "type"), TYPES[i]) == 0;
                int fields = script_must(&script, at, "fields");
                found = found || (same && script_member(&script, fields, field->name) != JSON_NONE);
            }
            if (!found) fail_msg("no %s is a %s", TYPES[i], field->name);
        }
    }
}

static void message__that_is_none_is_refused(void **state)
{
    (void)state;
    size_t count = 0;
    for (int at = JSON_NONE; script_next(&script, script_must(&script, JSON_ROOT, "malformed"), &at);
         count++) {
        CLEANUP(buffer_clear) struct buffer packed = {0};
        CLEANUP(arena_clear) struct arena arena = {0};
        ProtobufCMessage *message;
        script_hex_of(&script, at, "hex", &packed);
        if (wire_unpack(fields_type(&script, script_text_of(&script, at, "type")), buffer_bytes(&packed),
                &arena, &message) != JWKD_MALFORMED)
            fail_msg("%s is taken for a message", script_text_of(&script, at, "name"));
    }
    assert_true(count >= 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(message__means_what_is_said),
        cmocka_unit_test(message__of_each_kind_is_there),
        cmocka_unit_test(message__that_is_none_is_refused),
    };
    script_open(&script, VECTORS_DIR "/messages.json");
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    script_close(&script);
    return failed;
}
