#include "cli/output.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"

/* Escapes what is not ASCII, so that no claim can disguise itself on a terminal (bidirectional marks,
 * look-alikes). */
static const size_t DUMP = JSON_COMPACT | JSON_ENSURE_ASCII | JSON_ENCODE_ANY;

enum { FIELD_ROOM = 80 - 15 }; /* columns behind a name */

jwkd_status print_line(struct bytes text, jwkd_error *error)
{
    /* One call, so that lines of two threads do not mix. */
    if (printf("%.*s\n", (int)text.size, (const char *)text.data) < 0 || fflush(stdout) != 0)
        return fail(error, JWKD_INTERNAL, "cannot write to standard output: %s", strerror(errno));
    return JWKD_OK;
}

jwkd_status append_json(struct buffer *out, json_t *value)
{
    CLEANUP(json_decref_at) json_t *owned = value;
    CLEANUP(free_at) char *text = owned ? json_dumps(owned, DUMP) : NULL;
    return text ? buffer_append_text(out, text) : JWKD_NO_MEMORY;
}

jwkd_status print_json(json_t *value, jwkd_error *error)
{
    CLEANUP(buffer_clear) struct buffer line = {0};
    if (append_json(&line, value) != JWKD_OK) return fail(error, JWKD_NO_MEMORY, "memory is short");
    return print_line(buffer_bytes(&line), error);
}

json_t *json_text(struct bytes text)
{
    json_t *string = json_stringn((const char *)text.data, text.size);
    if (string || text.size == 0) return string ? string : json_string("");
    CLEANUP(free_at) char *ascii = bytes_to_text(text);
    if (!ascii) return NULL;
    for (size_t i = 0; i < text.size; i++)
        if ((unsigned char)ascii[i] >= 0x80) ascii[i] = '?';
    return json_stringn(ascii, text.size);
}

json_t *json_text_or_null(const char *text)
{
    return text && *text ? json_text(bytes_of_text(text)) : json_null();
}

json_t *json_read(struct bytes text)
{
    return text.size ? json_loadb((const char *)text.data, text.size,
                           JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL | JSON_DECODE_ANY, NULL)
                     : NULL;
}

void print_text(FILE *stream, struct bytes text)
{
    for (size_t i = 0; i < text.size; i++) {
        unsigned char c = text.data[i];
        /* The second set of control characters, U+0080 to U+009F, which terminals obey too. */
        bool second_set = c == 0xc2 && i + 1 < text.size && text.data[i + 1] < 0xa0;
        if (second_set) i++;
        putc(c < 0x20 || c == 0x7f || second_set ? '?' : c, stream);
    }
}

static bool is_plain(struct bytes value)
{
    for (size_t i = 0; i < value.size; i++)
        if (value.data[i] <= ' ' || value.data[i] >= 0x7f || value.data[i] == '"') return false;
    return value.size > 0;
}

void print_value(struct bytes value)
{
    if (is_plain(value)) {
        fwrite(value.data, 1, value.size, stdout);
        return;
    }
    CLEANUP(json_decref_at) json_t *string = json_text(value);
    CLEANUP(free_at) char *text = string ? json_dumps(string, DUMP) : NULL;
    fputs(text ? text : "?", stdout);
}

void print_field(const char *name, const char *format, ...)
{
    char value[8192]; /* a public JWK of ML-DSA-87 has some 3.6 KiB */
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(value, sizeof value, format, arguments);
    va_end(arguments);
    printf("%-14s ", name);
    print_text(stdout, bytes_of_text(value));
    putchar('\n');
}

void print_text_field(const char *name, const char *text)
{
    do {
        size_t size = strcspn(text, " ");
        for (size_t next; text[size] && (next = size + 1 + strcspn(text + size + 1, " ")) <= FIELD_ROOM;)
            size = next;
        print_field(name, "%.*s", (int)size, text);
        name = "";
        text += size + strspn(text + size, " ");
    } while (*text);
}

void print_moment(const char *name, int64_t at)
{
    if (at == 0) return;
    char moment[MOMENT_SIZE], age[MOMENT_SIZE];
    moment_format(at, moment);
    moment_format_age(at, clock_wall_sec(), age);
    print_field(name, "%s (%s)", moment, age);
}

/* One line of JSON on stderr; takes the reference. False, and nothing is written, when memory is short. */
static bool report_json(json_t *object)
{
    CLEANUP(json_decref_at) json_t *owned = object;
    CLEANUP(free_at) char *text = owned ? json_dumps(owned, DUMP) : NULL;
    if (text) fprintf(stderr, "%s\n", text);
    return text;
}

void report_error(bool json, const jwkd_error *error, const char *hint)
{
    const char *message = error->message[0] ? error->message : jwkd_status_text(error->status);
    if (json &&
        report_json(json_pack("{s:{s:s, s:o, s:o}}", "error", "status", jwkd_status_name(error->status),
            "message", json_text(bytes_of_text(message)), "hint", json_text_or_null(hint))))
        return;
    fputs("jwkctl: ", stderr);
    print_text(stderr, bytes_of_text(message));
    fputc('\n', stderr);
    for (size_t length; hint && *hint; hint += length + (hint[length] == '\n')) {
        length = strcspn(hint, "\n");
        fputs("  ", stderr);
        print_text(stderr, bytes_of(hint, length));
        fputc('\n', stderr);
    }
}

void report_warning(bool json, const char *format, ...)
{
    char message[1024];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    struct bytes text = bytes_of_text(message);
    if (json && report_json(json_pack("{s:{s:o}}", "warning", "message", json_text(text)))) return;
    fputs("jwkctl: warning: ", stderr);
    print_text(stderr, text);
    fputc('\n', stderr);
}
