#include "daemon/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

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

/* A line being written; what does not fit is cut off. */
struct line {
    char text[LINE_SIZE];
    size_t size;
};

static void put(struct line *line, const char *text)
{
    size_t room = sizeof line->text - 4 - line->size,
           length = strlen(text); /* the end of the line always fits */
    if (length > room) length = room;
    memcpy(line->text + line->size, text, length);
    line->size += length;
}

static void put_quoted(struct line *line, const char *text)
{
    put(line, "\"");
    for (; *text; text++) {
        char piece[8];
        unsigned char c = (unsigned char)*text;
        if (c == '"' || c == '\\')
            snprintf(piece, sizeof piece, "\\%c", c);
        else if (c < 0x20 || c == 0x7f)
            snprintf(piece, sizeof piece, "\\u%04x", c);
        else
            snprintf(piece, sizeof piece, "%c", c);
        put(line, piece);
    }
    put(line, "\"");
}

static void put_field(struct line *line, const char *name, const char *value)
{
    put(line, line->size > 1 ? as_json ? "," : " " : "");
    if (as_json)
        put_quoted(line, name);
    else
        put(line, name);
    put(line, as_json ? ":" : "=");
    if (as_json || !*value || value[strcspn(value, " \"\\=\n\t\r")])
        put_quoted(line, value);
    else
        put(line, value);
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
