#include "cli/options.h"

#include <string.h>

// clang-format off
static const struct option_row {
    const char *name, *value_name;
} OPTIONS[] = {
    [OPTION_ABORT] = {"abort", NULL},
    [OPTION_ALG] = {"alg", "ALG"},
    [OPTION_ALLOW_NONE] = {"allow-none", NULL},
    [OPTION_CLAIMS] = {"claims", "FILE"},
    [OPTION_DRY_RUN] = {"dry-run", NULL},
    [OPTION_FORCE] = {"force", NULL},
    [OPTION_HELP] = {"help", NULL},
    [OPTION_HOLD] = {"hold", NULL},
    [OPTION_INSECURE_TCP] = {"insecure-tcp", NULL},
    [OPTION_INVALIDATE] = {"invalidate", "KID"},
    [OPTION_ISS] = {"iss", "ISSUER"},
    [OPTION_JSON] = {"json", NULL},
    [OPTION_JWKS] = {"jwks", "FILE"},
    [OPTION_LOCAL] = {"local", NULL},
    [OPTION_NO_WAIT] = {"no-wait", NULL},
    [OPTION_NOTE] = {"note", "TEXT"},
    [OPTION_NOW] = {"now", NULL},
    [OPTION_OUT] = {"out", "FILE"},
    [OPTION_PAYLOAD] = {"payload", "FILE"},
    [OPTION_PEM] = {"pem", NULL},
    [OPTION_RULE] = {"rule", "FILE"},
    [OPTION_SIGNATURE_ONLY] = {"signature-only", NULL},
    [OPTION_SUB] = {"sub", "SUBJECT"},
    [OPTION_TIMEOUT] = {"timeout", "TIME"},
    [OPTION_TOKEN_FILE] = {"token-file", "FILE"},
    [OPTION_TYPE] = {"type", "TYPE"},
    [OPTION_URL] = {"url", "URL"},
    [OPTION_VERSION] = {"version", NULL},
    [OPTION_WAIT] = {"wait", NULL},
    [OPTION_YES] = {"yes", NULL},
#define NAME_OF_TEXT(option, name, value) [OPTION_##option] = {name, value},
#define NAME_OF_ALGORITHM(option, name, value) [OPTION_##option] = {name, value},
#define NAME_OF_NUMBER(option, name, value) [OPTION_##option] = {name, value},
#define NAME_OF_TIME(option, name, value) [OPTION_##option] = {name, value},
#define NAME_OF_MODE(option, name, value) [OPTION_##option] = {name, value},
#define NAME_OF_FLAG(option, name, value) [OPTION_##option] = {name, NULL}, [OPTION_NO_##option] = {"no-" name, NULL},
#define ROW(kind, id, field, most, words, option, name, value, ...) NAME_OF_##kind(option, name, value)
    SETTING_TABLE(ROW)
#undef ROW
};
// clang-format on
_Static_assert(sizeof OPTIONS / sizeof *OPTIONS == OPTION_COUNT, "a row for every option");

const char *option_name(enum option option)
{
    return OPTIONS[option].name;
}
const char *option_value_name(enum option option)
{
    return OPTIONS[option].value_name;
}

/* OPTION_COUNT when there is none of that name. */
static enum option option_by_name(const char *name, size_t length)
{
    unsigned i = 0;
    while (
        i < OPTION_COUNT && (strlen(OPTIONS[i].name) != length || memcmp(OPTIONS[i].name, name, length) != 0))
        i++;
    return (enum option)i;
}

static jwkd_status add_option(
    struct arguments *arguments, enum option option, const char *value, jwkd_error *error)
{
    struct given_option *given = &arguments->options[option];
    size_t most = option == OPTION_AUD || option == OPTION_ALG ? LIMIT_AUDIENCES : 1;
    /* Saying a flag twice says the same. */
    if (!OPTIONS[option].value_name && given->count) return JWKD_OK;
    if (given->count == most)
        return fail(error, JWKD_INVALID_ARGUMENT, "--%s may be given %s", OPTIONS[option].name,
            most == 1 ? "only once" : "16 times at most");
    given->values[given->count++] = value;
    return JWKD_OK;
}
_Static_assert(LIMIT_AUDIENCES == 16, "the message above says 16");

bool may_be_kid(const char *word)
{
    return word[strspn(word, "abcdefghijklmnopqrstuvwxyz-")] != '\0' && !strchr(word, '=');
}

static jwkd_status add_word(struct arguments *arguments, const char *word, bool dashed, jwkd_error *error)
{
    if (arguments->word_count == MAX_WORDS)
        return fail(error, JWKD_INVALID_ARGUMENT, "too many arguments, from '%s' on", word);
    arguments->dashed[arguments->word_count] = dashed;
    arguments->words[arguments->word_count++] = word;
    return JWKD_OK;
}

/* An option in the place of a value is a slip, and silently swallowing it would hide what it asks for. */
static bool may_be_value(enum option option, const char *argument)
{
    if (strncmp(argument, "--", 2) != 0) return true;
    bool known = option_by_name(argument + 2, strcspn(argument + 2, "=")) != OPTION_COUNT;
    return option == OPTION_INVALIDATE && !known && may_be_kid(argument);
}

/* Reads the option that begins at argv[*index]; leaves *index at the last argument that belongs to it. */
static jwkd_status parse_option(
    int argc, char *const *argv, int *index, struct arguments *arguments, jwkd_error *error)
{
    const char *name = argv[*index] + 2;
    size_t length = strcspn(name, "=");
    const char *value = name[length] == '=' ? name + length + 1 : NULL;
    enum option option = option_by_name(name, length);
    if (option == OPTION_COUNT) return add_word(arguments, argv[*index], true, error);
    if (!OPTIONS[option].value_name) {
        if (value) return fail(error, JWKD_INVALID_ARGUMENT, "--%s takes no value", OPTIONS[option].name);
        return add_option(arguments, option, NULL, error);
    }
    if (!value) {
        if (*index + 1 == argc || !may_be_value(option, argv[*index + 1]))
            return fail(error, JWKD_INVALID_ARGUMENT, "--%s needs a value: --%s=%s", OPTIONS[option].name,
                OPTIONS[option].name, OPTIONS[option].value_name);
        value = argv[++*index];
    }
    return add_option(arguments, option, value, error);
}

static jwkd_status parse_argument(
    int argc, char *const *argv, int *index, struct arguments *arguments, jwkd_error *error)
{
    const char *argument = argv[*index];
    if (strncmp(argument, "--", 2) == 0) return parse_option(argc, argv, index, arguments, error);
    if (strcmp(argument, "-h") == 0) return add_option(arguments, OPTION_HELP, NULL, error);
    return add_word(arguments, argument, argument[0] == '-' && argument[1], error);
}

jwkd_status arguments_parse(int argc, char *const *argv, struct arguments *out, jwkd_error *error)
{
    struct arguments arguments = {0};
    int i = 1;
    for (; i < argc && strcmp(argv[i], "--") != 0; i++)
        TRY(parse_argument(argc, argv, &i, &arguments, error));
    for (i++; i < argc; i++)
        TRY(add_word(&arguments, argv[i], false, error));
    *out = arguments;
    return JWKD_OK;
}
