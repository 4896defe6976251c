/* PEM as it comes out of environment variables, YAML and chat windows. */
#include "signer/import.h"

/* What a place that allows no line ends makes of one: a backslash, and this letter. */
static bool is_written_out(struct bytes text, size_t at, char letter)
{
    return at + 1 < text.size && text.data[at] == '\\' && text.data[at + 1] == letter;
}

static bool is_blank(uint8_t c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

static bool is_edge(struct bytes text, size_t at)
{
    return at == text.size || text.data[at] == '\n' || text.data[at] == '\r';
}

static bool is_tidy(struct bytes text)
{
    for (size_t i = 0; i < text.size; i++) {
        bool blank = text.data[i] == ' ' || text.data[i] == '\t';
        if (is_written_out(text, i, 'n') ||
            (blank && (i == 0 || is_edge(text, i - 1) || is_edge(text, i + 1))))
            return false;
    }
    return true;
}

jwkd_status import_tidy(struct bytes text, struct secret *out)
{
    if (is_tidy(text)) return JWKD_OK;
    TRY(secret_init(out, text.size));
    size_t size = 0, solid = 0; /* `solid`: behind the last character of this line that is not blank */
    bool begun = false;         /* the line has such a character */
    for (size_t i = 0; i < text.size; i++) {
        bool written_out = is_written_out(text, i, 'n');
        if (is_written_out(text, i, 'r')) {
            i++;
        } else if (written_out || text.data[i] == '\n') {
            i += written_out;
            size = solid;
            out->data[size++] = '\n';
            solid = size;
            begun = false;
        } else if (begun || !is_blank(text.data[i])) {
            begun = true;
            out->data[size++] = text.data[i];
            if (!is_blank(text.data[i])) solid = size;
        }
    }
    out->size = solid;
    return JWKD_OK;
}
