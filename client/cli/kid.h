/* Kids as people type them: any unambiguous beginning of at least four characters stands for the whole, as
 * with git. */
#ifndef CLI_KID_H
#define CLI_KID_H

#include "cli/cli.h"

enum { KID_SHORTEST = 4, KID_SHOWN = 12 };

/* *kid, of the environment cli->words[0], becomes the whole of the one that it is the beginning of; it then
 * points to cli->kid. A whole kid always stands for itself, and what begins none stays as it is: the verb
 * will say that there is no such key, and the hint, of what is too short, that it is. NULL is fine.
 * INVALID_ARGUMENT: it is the beginning of several, which the hint lists. */
jwkd_status kid_complete(
    struct cli *cli, jwkd_client *client, const char **kid, jwkd_error *error) MUST_CHECK;

/* How many characters tell the keys of a list from each other: KID_SHOWN or more. */
size_t kid_shown_length(const jwkd_key_list *list);

#endif
