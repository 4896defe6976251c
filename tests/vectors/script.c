#include "vectors/script.h"

#include <stdio.h>

#include "wire/cases.h"

enum { TEXTS = 4 * 1024 * 1024 };

void script_open(struct script *script, const char *path)
{
    jwkd_error error = {0};
    FILE *file = fopen(path, "rb");
    if (!file) fail_msg("%s cannot be read", path);
    *script = (struct script){.name = path};
    for (size_t got = 1; got > 0; script->text.size += got) {
        assert_int_equal(buffer_reserve(&script->text, 64 * 1024), JWKD_OK);
        got = fread(script->text.data + script->text.size, 1, 64 * 1024, file);
    }
    fclose(file);
    arena_init(&script->texts, TEXTS);
    if (json_parse(&script->json, buffer_bytes(&script->text), &error) != JWKD_OK)
        fail_msg("%s: %s", path, error.message);
}

void script_close(struct script *script)
{
    json_clear(&script->json);
    arena_clear(&script->texts);
    buffer_clear(&script->text);
}

int script_member(const struct script *script, int object, const char *name)
{
    return json_member(&script->json, object, name);
}

int script_must(const struct script *script, int object, const char *name)
{
    int node = script_member(script, object, name);
    if (node == JSON_NONE) fail_msg("%s: \"%s\" is missing", script->name, name);
    return node;
}

const char *script_text(struct script *script, int node)
{
    if (node == JSON_NONE) return "";
    if (!json_is(&script->json, node, JSON_STRING)) fail_msg("%s: a string is wanted", script->name);
    const char *text = arena_text(&script->texts, json_string(&script->json, node));
    assert_non_null(text);
    return text;
}

const char *script_text_of(struct script *script, int object, const char *name)
{
    return script_text(script, script_member(script, object, name));
}

int64_t script_number(const struct script *script, int node, int64_t absent)
{
    int64_t number = absent;
    if (node != JSON_NONE && json_whole(&script->json, node, &number) != JWKD_OK)
        fail_msg("%s: a whole number is wanted", script->name);
    return number;
}

int64_t script_number_of(const struct script *script, int object, const char *name, int64_t absent)
{
    return script_number(script, script_member(script, object, name), absent);
}

bool script_is_true(const struct script *script, int object, const char *name)
{
    return json_is(&script->json, script_member(script, object, name), JSON_TRUE);
}

void script_hex_of(struct script *script, int object, const char *name, struct buffer *out)
{
    const char *digits = script_text_of(script, object, name);
    size_t size = strlen(digits) / 2;
    if (size == 0) return;
    assert_int_equal(buffer_reserve(out, size), JWKD_OK);
    if (!bytes_from_hex(bytes_of_text(digits), out->data, size))
        fail_msg("%s: \"%s\" is not hexadecimal", script->name, name);
    out->size = size;
}

bool script_next(const struct script *script, int array, int *at)
{
    int end = json_next(&script->json, array);
    *at = *at == JSON_NONE ? json_first(&script->json, array) : json_next(&script->json, *at);
    if (*at == end) *at = JSON_NONE;
    return *at != JSON_NONE;
}

bool script_next_member(struct script *script, int object, int *at, const char **out_name, int *out_value)
{
    if (*at != JSON_NONE) *at = json_next(&script->json, *at); /* the value */
    if (!script_next(script, object, at)) return false;
    *out_name = script_text(script, *at);
    *out_value = json_next(&script->json, *at);
    return true;
}
