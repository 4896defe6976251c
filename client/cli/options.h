/* The command line, taken apart: options by name anywhere, everything else a word. */
#ifndef CLI_OPTIONS_H
#define CLI_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/settings.h"
#include "base/status.h"

/* Every option of every verb, in the order of their names, and those of the settings in the order of
 * base/settings.h. A flag has an opposite. */
// clang-format off
enum option {
    OPTION_ABORT,
    OPTION_ALG,
    OPTION_ALLOW_NONE,
    OPTION_CLAIMS,
    OPTION_DRY_RUN,
    OPTION_FORCE,
    OPTION_HELP,
    OPTION_HOLD,
    OPTION_INSECURE_TCP,
    OPTION_INVALIDATE,
    OPTION_ISS,
    OPTION_JSON,
    OPTION_JWKS,
    OPTION_LOCAL,
    OPTION_NO_WAIT,
    OPTION_NOTE,
    OPTION_NOW,
    OPTION_OUT,
    OPTION_PAYLOAD,
    OPTION_PEM,
    OPTION_RULE,
    OPTION_SIGNATURE_ONLY,
    OPTION_SUB,
    OPTION_TIMEOUT,
    OPTION_TOKEN_FILE,
    OPTION_TYPE,
    OPTION_URL,
    OPTION_VERSION,
    OPTION_WAIT,
    OPTION_YES,
#define OPTION_OF_TEXT(option) OPTION_##option,
#define OPTION_OF_ALGORITHM(option) OPTION_##option,
#define OPTION_OF_NUMBER(option) OPTION_##option,
#define OPTION_OF_TIME(option) OPTION_##option,
#define OPTION_OF_MODE(option) OPTION_##option,
#define OPTION_OF_FLAG(option) OPTION_##option, OPTION_NO_##option,
#define ROW(kind, id, field, most, words, option, ...) OPTION_OF_##kind(option)
    SETTING_TABLE(ROW)
#undef ROW
    OPTION_COUNT
};
// clang-format on

/* Without the dashes. */
const char *option_name(enum option option);
/* What its value is called in help, e.g. "KID"; NULL for a flag. */
const char *option_value_name(enum option option);

enum { MAX_WORDS = 6 };

/* A command line. Everything points into argv. */
struct arguments {
    struct given_option {
        const char *values[LIMIT_AUDIENCES];
        size_t count;
    } options[OPTION_COUNT];
    const char *words[MAX_WORDS + 1];
    bool dashed[MAX_WORDS + 1]; /* the word looks like an option, and is none */
    size_t word_count;
};

/* Takes argv[1..argc-1] apart. Options are "--name value", "--name=value" or flags, and are never
 * abbreviated; "-h" is --help; "--" ends them. Everything else is a word: "-" alone, too, and what begins
 * with a dash and is no option, since it may be a kid; only the verb can tell. INVALID_ARGUMENT: a value
 * missing or too many, an option twice that may be given once. */
jwkd_status arguments_parse(int argc, char *const *argv, struct arguments *out, jwkd_error *error) MUST_CHECK;

/* Whether a word that looks like an option is a kid rather than a misspelt one: no option has other
 * characters than small letters, and an RFC 7638 thumbprint (43 of base64url) has. */
bool may_be_kid(const char *word);

static inline bool option_given(const struct arguments *arguments, enum option option)
{
    return arguments->options[option].count > 0;
}
/* NULL when it was not given. */
static inline const char *option_text(const struct arguments *arguments, enum option option)
{
    return arguments->options[option].values[0];
}

#endif
