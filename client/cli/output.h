/* How results and failures are shown: to people, and as JSON. */
#ifndef CLI_OUTPUT_H
#define CLI_OUTPUT_H

#include <jansson.h>
#include <jwkd.h>

#include "base/bytes.h"
#include "base/cleanup.h"
#include "base/duration.h"
#include "base/status.h"

DEFINE_CLEANUP(json_t *, json_decref)

/* One line of JSON on stdout, flushed. Takes the reference; NULL, as jansson answers when memory is short,
 * fails. */
jwkd_status print_json(json_t *value, jwkd_error *error) MUST_CHECK;
/* The same, into a line that is being made. */
jwkd_status append_json(struct buffer *out, json_t *value) MUST_CHECK;
/* A line on stdout, flushed. */
jwkd_status print_line(struct bytes text, jwkd_error *error) MUST_CHECK;
/* A JSON string of any bytes: what is not UTF-8 becomes '?'. */
json_t *json_text(struct bytes text);
/* null for "" and NULL. */
json_t *json_text_or_null(const char *text);
/* Parses text of ours or a peer's; NULL when it is not JSON with unique names. */
json_t *json_read(struct bytes text);

/* Text for a terminal: control characters become '?'. */
void print_text(FILE *stream, struct bytes text);
/* A value of a peer's within a line: bare where it is plain, else a JSON string in ASCII. */
void print_value(struct bytes value);
/* "name         value", aligned. */
void print_field(const char *name, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* The same of a text, broken between words where it is wider than a terminal. */
void print_text_field(const char *name, const char *text);
/* A field that is a moment, with its age; nothing for 0. */
void print_moment(const char *name, int64_t at);

/* Tells what failed on stderr, and what to do next, in lines. */
void report_error(bool json, const jwkd_error *error, const char *hint);
/* Tells on stderr what should be known, and is no failure. */
void report_warning(bool json, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
