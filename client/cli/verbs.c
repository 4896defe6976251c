#include "cli/cli.h"

#include <string.h>

/* In the order of help: environments, keys, tokens, access, the service. */
const struct verb *const VERBS[] = {
    &VERB_ENV_CREATE,
    &VERB_ENV_UPDATE,
    &VERB_ENV_LIST,
    &VERB_ENV_SHOW,
    &VERB_ENV_DELETE,
    &VERB_GENERATE,
    &VERB_ROTATE,
    &VERB_IMPORT,
    &VERB_LIST,
    &VERB_SHOW,
    &VERB_SET_PRIMARY,
    &VERB_RETIRE,
    &VERB_DEACTIVATE,
    &VERB_DESTROY,
    &VERB_OPERATION_SHOW,
    &VERB_SUBSCRIBERS,
    &VERB_SIGN,
    &VERB_VERIFY,
    &VERB_INSPECT,
    &VERB_JWKS,
    &VERB_WATCH,
    &VERB_WHOAMI,
    &VERB_ACCOUNT_CREATE,
    &VERB_ACCOUNT_LIST,
    &VERB_ACCOUNT_SHOW,
    &VERB_ACCOUNT_DELETE,
    &VERB_TOKEN_CREATE,
    &VERB_TOKEN_LIST,
    &VERB_TOKEN_REVOKE,
    &VERB_GRANT_ADD,
    &VERB_GRANT_LIST,
    &VERB_GRANT_REMOVE,
    &VERB_GRANT_TEST,
    &VERB_EXPLAIN,
    &VERB_STATUS,
    &VERB_PING,
    &VERB_HELP,
    NULL,
};

/* How many of the words are exactly this name; 0 when they are not. */
static size_t name_words(const char *name, const char *const *words, size_t count)
{
    const char *space = strchr(name, ' ');
    if (!space) return count > 0 && strcmp(words[0], name) == 0 ? 1 : 0;
    size_t first = (size_t)(space - name);
    bool same = count > 1 && strlen(words[0]) == first && strncmp(words[0], name, first) == 0 &&
                strcmp(words[1], space + 1) == 0;
    return same ? 2 : 0;
}

const struct verb *verb_find(const char *const *words, size_t count, size_t *out_name_words)
{
    for (const struct verb *const *verb = VERBS; *verb; verb++) {
        size_t found = name_words((*verb)->name, words, count);
        if (found) {
            *out_name_words = found;
            return *verb;
        }
    }
    return NULL;
}

bool verb_is_group(const char *word)
{
    size_t length = strlen(word);
    for (const struct verb *const *verb = VERBS; *verb; verb++)
        if (strncmp((*verb)->name, word, length) == 0 && (*verb)->name[length] == ' ') return true;
    return false;
}

const struct verb_option VERB_OPTIONS_OF_ALL[] = {
    {OPTION_URL, "the service ($JWKD_URL, $XDG_RUNTIME_DIR/jwkd/rpc.sock, /run/jwkd/rpc.sock)"},
    {OPTION_TOKEN_FILE, "ask by the API token in this file ($JWKD_TOKEN_FILE)"},
    {OPTION_INSECURE_TCP, "send the token over plain tcp, too, where others can read it"},
    {OPTION_JSON, "print JSON, failures too"},
    {OPTION_HELP, "this, or a verb's own"},
    {OPTION_VERSION, "the version"},
    {OPTION_COUNT, NULL},
};

bool verb_takes(const struct verb *verb, enum option option)
{
    for (const struct verb_option *own = verb->options; own->help; own++)
        if (own->option == option) return true;
    for (const struct verb_option *global = VERB_OPTIONS_OF_ALL; global->help; global++)
        if (global->option == option) return true;
    return false;
}
