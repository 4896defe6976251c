#include "cli/input.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "cli/output.h"

bool is_stdin(const char *path)
{
    return !path || strcmp(path, "-") == 0;
}

static void close_file(int *file)
{
    if (*file > STDERR_FILENO) close(*file);
}

/* With read(2), not stdio, whose own buffer would keep a copy of a private key. */
static jwkd_status read_all(int file, size_t limit, struct buffer *out)
{
    TRY(buffer_reserve(out, limit + 1));
    size_t start = out->size;
    for (;;) {
        ssize_t count = read(file, out->data + out->size, limit + 1 - (out->size - start));
        if (count < 0 && errno == EINTR) continue;
        if (count < 0) return JWKD_INTERNAL;
        out->size += (size_t)count;
        if (count == 0) return JWKD_OK;
        if (out->size - start > limit) return JWKD_RESOURCE_EXHAUSTED;
    }
}

jwkd_status read_file(const char *path, const char *what, size_t limit, struct buffer *out, jwkd_error *error)
{
    CLEANUP(close_file)
    int file = is_stdin(path) ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    jwkd_status status = file < 0 ? JWKD_INVALID_ARGUMENT : read_all(file, limit, out);
    if (status == JWKD_OK) return JWKD_OK;
    const char *name = is_stdin(path) ? "standard input" : path;
    if (status == JWKD_RESOURCE_EXHAUSTED)
        return fail(error, status, "%s has more than %zu bytes: too many for %s", name, limit, what);
    return fail(error, status, "cannot read %s from %s: %s", what, name,
        status == JWKD_NO_MEMORY ? "memory is short" : strerror(errno));
}

void warn_if_exposed(bool json, const char *path)
{
    struct stat properties;
    int found = is_stdin(path) ? fstat(STDIN_FILENO, &properties) : stat(path, &properties);
    if (found == 0 && S_ISREG(properties.st_mode) && (properties.st_mode & (S_IRGRP | S_IROTH)))
        report_warning(json, "others than its owner may read this private key's file (mode %03o)",
            (unsigned)(properties.st_mode & 0777));
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

/* A token without the white space around it, which a line's end or a paste may leave there. */
static struct bytes trim(struct bytes line)
{
    while (line.size > 0 && is_blank((char)line.data[line.size - 1]))
        line.size--;
    for (; line.size > 0 && is_blank((char)line.data[0]); line.size--)
        line.data++;
    return line;
}

/* Reads one line, of which at most LIMIT_TOKEN + 1 bytes are kept. False at the end of the input. */
static bool read_line(struct buffer *line)
{
    line->size = 0;
    int c = getc(stdin);
    if (c == EOF) return false;
    for (; c != EOF && c != '\n'; c = getc(stdin))
        if (line->size <= LIMIT_TOKEN) line->data[line->size++] = (uint8_t)c;
    return true;
}

jwkd_status each_token(const char *word, token_visitor *visit, void *context, jwkd_error *error)
{
    if (!is_stdin(word)) {
        struct bytes token = bytes_of_text(word);
        if (token.size > LIMIT_TOKEN) token.size = LIMIT_TOKEN + 1;
        return visit(context, token, error);
    }
    CLEANUP(buffer_clear) struct buffer line = {0};
    if (buffer_reserve(&line, LIMIT_TOKEN + 1) != JWKD_OK)
        return fail(error, JWKD_NO_MEMORY, "memory is short");
    if (isatty(STDIN_FILENO)) fputs("jwkctl: reading tokens, one a line; end with Ctrl-D\n", stderr);
    bool any = false;
    while (read_line(&line)) {
        struct bytes token = trim(buffer_bytes(&line));
        if (token.size == 0) continue;
        any = true;
        TRY(visit(context, token, error));
    }
    if (ferror(stdin)) return fail(error, JWKD_INTERNAL, "cannot read standard input: %s", strerror(errno));
    return any ? JWKD_OK : fail(error, JWKD_MALFORMED, "no token was given");
}

struct bytes encoded_payload(struct bytes token)
{
    const uint8_t *first = memchr(token.data, '.', token.size), *end = token.data + token.size;
    const uint8_t *last = first ? memchr(first + 1, '.', (size_t)(end - first - 1)) : NULL;
    return last ? bytes_of(first + 1, (size_t)(last - first - 1)) : (struct bytes){0};
}
