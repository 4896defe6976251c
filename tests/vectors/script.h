/* A JSON document of proto/vectors, read with the reader that reads what peers send. What is missing or of
 * another type fails the test, with the place. */
#ifndef TESTS_VECTORS_SCRIPT_H
#define TESTS_VECTORS_SCRIPT_H

#include "jose/json.h"
#include "wire/arena.h"

struct script {
    const char *name;   /* of the file */
    struct buffer text; /* which the document lies in */
    struct json json;
    struct arena texts;
};

/* Reads a file; fails the test if it cannot. */
void script_open(struct script *script, const char *path);
void script_close(struct script *script);

/* The member of an object; JSON_NONE: it has none. */
int script_member(const struct script *script, int object, const char *name);
/* The same, which there has to be. */
int script_must(const struct script *script, int object, const char *name);
/* A string's text, NUL-terminated; it lives as long as the document. "" for JSON_NONE. */
const char *script_text(struct script *script, int node);
/* The text of a member; "" where there is none. */
const char *script_text_of(struct script *script, int object, const char *name);
/* A whole number; `absent` for JSON_NONE. */
int64_t script_number(const struct script *script, int node, int64_t absent);
int64_t script_number_of(const struct script *script, int object, const char *name, int64_t absent);
bool script_is_true(const struct script *script, int object, const char *name);
/* The bytes of a member's hexadecimal digits; none where there is no such member. */
void script_hex_of(struct script *script, int object, const char *name, struct buffer *out);
/* The next pair of an object's members; `*at` begins as JSON_NONE and ends so, with false. */
bool script_next_member(struct script *script, int object, int *at, const char **out_name, int *out_value);
/* Likewise of an array. */
bool script_next(const struct script *script, int array, int *at);

#endif
