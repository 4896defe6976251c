#include "daemon/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/utf8.h"

enum { LINE_SIZE = 2048 };

static const char *const LEVELS[] = {"error", "warning", "info", "debug"};
static enum log_level threshold = LOG_LEVEL_INFO;
static bool as_json;

void log_open(const char *level, bool json)
{
    as_json = json;
    for (unsigned i = 0; i < sizeof LEVELS / sizeof *LEVELS; i++)
        if (strcmp(level, LEVELS[i]) == 0) threshold = (enum log_level)i;
}

/* A line being written. What does not fit is left out, so that its end, and each quotation's, always fits. */
struct line {
    char text[LINE_SIZE];
    size_t size;
};

enum { ROOM_FOR_ENDS = 4 }; /* a quotation mark, a brace, the end of the line */

static bool fits(const struct line *line, size_t size)
{
    return line->size + size + ROOM_FOR_ENDS <= sizeof line->text;
}

static bool put_piece(struct line *line, const char *piece, size_t size)
{
    if (!fits(line, size)) return false;
    memcpy(line->text + line->size, piece, size);
    line->size += size;
    return true;
}

static bool put(struct line *line, const char *text)
{
    return put_piece(line, text, strlen(text));
}

/* Whether a character of UTF-8 stands for itself in quotation marks. A terminal takes control characters for
 * commands, also those from U+0080 to U+009F. */
static bool is_plain(const unsigned char *character, size_t size)
{
    if (size == 1) return *character >= ' ' && *character < 0x7f && *character != '"' && *character != '\\';
    return character[0] != 0xc2 || character[1] > 0x9f;
}

/* One character, or what stands for it; for a byte that is none, U+FFFD. */
static bool put_character(struct line *line, const unsigned char *character, size_t size)
{
    char escape[8];
    if (size && is_plain(character, size)) return put_piece(line, (const char *)character, size);
    if (*character == '"' || *character == '\\')
        snprintf(escape, sizeof escape, "\\%c", *character);
    else
        snprintf(escape, sizeof escape, "\\u%04x", size == 0 ? 0xfffdU : character[size - 1]);
    return put(line, escape);
}

static void put_quoted(struct line *line, const char *text)
{
    const unsigned char *character = (const unsigned char *)text, *end = character + strlen(text);
    line->text[line->size++] = '"';
    while (character < end) {
        size_t size = utf8_size(character, (size_t)(end - character));
        if (!put_character(line, character, size)) break;
        character += size ? size : 1;
    }
    line->text[line->size++] = '"';
}

/* Whether a value stands for itself in a line of text: visible ASCII, and nothing that ends it or its name.
 */
static bool is_bare(const char *value)
{
    for (const char *c = value; *c; c++)
        if (*c <= ' ' || *c > '~' || *c == '"' || *c == '\\' || *c == '=') return false;
    return *value != '\0';
}

static void put_field(struct line *line, const char *name, const char *value)
{
    if (!fits(line, strlen(name) + strlen(",\"\":\"\""))) return;
    put(line, line->size > 1 ? as_json ? "," : " " : "");
    if (as_json)
        put_quoted(line, name);
    else
        put(line, name);
    put(line, as_json ? ":" : "=");
    if (as_json || !is_bare(value) || !put(line, value)) put_quoted(line, value);
}

static void put_time(struct line *line)
{
    struct timespec now;
    struct tm utc;
    char text[40], stamp[64];
    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &utc);
    strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &utc);
    snprintf(stamp, sizeof stamp, "%s.%06ldZ", text, now.tv_nsec / 1000);
    put_field(line, "time", stamp);
}

void log_write(enum log_level level, const char *message, ...)
{
    if (level > threshold) return;
    struct line line = {.size = 0};
    if (as_json) put(&line, "{");
    put_time(&line);
    put_field(&line, "level", LEVELS[level]);
    put_field(&line, "message", message);
    va_list fields;
    va_start(fields, message);
    for (const char *name; (name = va_arg(fields, const char *)) != NULL;)
        put_field(&line, name, va_arg(fields, const char *));
    va_end(fields);
    if (as_json) line.text[line.size++] = '}';
    line.text[line.size++] = '\n';
    ssize_t written = write(STDERR_FILENO, line.text, line.size); /* one call, so that lines do not mix */
    (void)written;                                                /* there is nobody left to tell */
}
