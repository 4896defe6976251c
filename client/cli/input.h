/* What verbs read: files, standard input, tokens. */
#ifndef CLI_INPUT_H
#define CLI_INPUT_H

#include "base/bytes.h"
#include "base/limits.h"

/* "-", or nothing at all. */
bool is_stdin(const char *path);

/* Appends the file's contents, or standard input's for "-". `what` names it in messages ("the claims").
 * RESOURCE_EXHAUSTED above `limit` bytes. buffer_clear() wipes them, and no other copy is made. */
jwkd_status read_file(
    const char *path, const char *what, size_t limit, struct buffer *out, jwkd_error *error) MUST_CHECK;
/* Says so on stderr when others may read a private key's file. */
void warn_if_exposed(bool json, const char *path);

/* Called for one token, without its line's end. A token over LIMIT_TOKEN arrives cut to LIMIT_TOKEN + 1
 * bytes: too long to pass, whatever follows. */
typedef jwkd_status token_visitor(void *context, struct bytes token, jwkd_error *error);

/* Visits the token given as a word, or for NULL and "-" every line of standard input that is not blank. The
 * first failure ends it. MALFORMED when there was no token at all: nothing was verified then. */
jwkd_status each_token(const char *word, token_visitor *visit, void *context, jwkd_error *error) MUST_CHECK;

/* The part between the dots of a token, still encoded. */
struct bytes encoded_payload(struct bytes token);

#endif
