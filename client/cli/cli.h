/* What a verb of jwkctl is, and what it gets. */
#ifndef CLI_CLI_H
#define CLI_CLI_H

#include <jwkd.h>

#include "cli/options.h"

/* One run of jwkctl. */
struct cli {
    struct arguments arguments;
    const char **words; /* the verb's own: arguments.words behind its name */
    size_t word_count;
    bool json;
    bool usage_error;        /* what failed is the command line: exit code 2 */
    bool shut_out;           /* the socket lets us not in: exit code 3, as where there is none */
    char kid[LIMIT_KID + 1]; /* the whole of one that was shortened, see kid.h */
    char hint[1024];         /* lines of what to do after this failure, where the verb knows better than
                                session_hint() */
};

enum { MAX_VERB_OPTIONS = 2 * SETTING_COUNT };

/* A verb: everything that parsing, help, the manual's check and the completion's check know of it. */
struct verb {
    const char *name;  /* one word or two */
    const char *words; /* its positional arguments, as in help; "" for none */
    size_t least_words, most_words;
    const char *summary; /* one line, no full stop */
    const char *details; /* lines of help, or "" */
    struct verb_option {
        enum option option;
        const char *help; /* NULL ends the list */
    } options[MAX_VERB_OPTIONS + 1];
    /* JWKD_REFUSED with an empty message: everything was said on stdout already. */
    jwkd_status (*run)(struct cli *cli, jwkd_error *error);
};

/* One a file, or all of a group; see verbs.c. */
extern const struct verb VERB_ACCOUNT_CREATE, VERB_ACCOUNT_DELETE, VERB_ACCOUNT_LIST, VERB_ACCOUNT_SHOW,
    VERB_EXPLAIN, VERB_GRANT_ADD, VERB_GRANT_LIST, VERB_GRANT_REMOVE, VERB_GRANT_TEST, VERB_TOKEN_CREATE,
    VERB_TOKEN_LIST, VERB_TOKEN_REVOKE, VERB_WHOAMI;
extern const struct verb VERB_DEACTIVATE, VERB_DESTROY, VERB_ENV_CREATE, VERB_ENV_DELETE, VERB_ENV_LIST,
    VERB_ENV_SHOW, VERB_ENV_UPDATE, VERB_GENERATE, VERB_HELP, VERB_IMPORT, VERB_INSPECT, VERB_JWKS, VERB_LIST,
    VERB_OPERATION_SHOW, VERB_PING, VERB_RETIRE, VERB_ROTATE, VERB_SET_PRIMARY, VERB_SHOW, VERB_SIGN,
    VERB_STATUS, VERB_SUBSCRIBERS, VERB_VERIFY, VERB_WATCH;

extern const struct verb *const VERBS[]; /* NULL at the end */

/* The verb that the words begin with, and how many of them are its name; NULL when there is none. */
const struct verb *verb_find(const char *const *words, size_t count, size_t *out_name_words);
/* Whether it is the first word of verbs of two. */
bool verb_is_group(const char *word);
/* Options that every verb takes; ends like a verb's own. */
extern const struct verb_option VERB_OPTIONS_OF_ALL[];
/* Whether the verb takes the option, as itself or as one that all take. */
bool verb_takes(const struct verb *verb, enum option option);

/* Fails with the exit code for a wrong command line. */
jwkd_status usage_error(struct cli *cli, jwkd_error *error, const char *format, ...) MUST_CHECK
    __attribute__((format(printf, 3, 4)));

/* An option's value, as a number or a duration ("15m"); *out is left alone where it was not given. Usage
 * errors. */
jwkd_status cli_number(struct cli *cli, enum option option, uint32_t *out, jwkd_error *error) MUST_CHECK;
jwkd_status cli_duration(
    struct cli *cli, enum option option, uint32_t *out_sec, jwkd_error *error) MUST_CHECK;

#endif
