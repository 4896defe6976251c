#include "cli/kid.h"

#include <stdio.h>
#include <string.h>

#include "cli/session.h"

/* Lines of the hint: each candidate, as many as it holds. */
static void list_candidates(struct cli *cli, const jwkd_key_list *keys, const char *beginning, size_t count)
{
    enum { ROOM_FOR_REST = 24 };
    size_t told = 0, size = 0, length = strlen(beginning);
    for (size_t i = 0; i < keys->count; i++) {
        const jwkd_key *key = &keys->keys[i];
        if (strncmp(key->kid, beginning, length) != 0) continue;
        const char *state = jwkd_key_state_name(key);
        if (size + strlen(key->kid) + strlen(state) + ROOM_FOR_REST >= sizeof cli->hint) break;
        size += (size_t)snprintf(
            cli->hint + size, sizeof cli->hint - size, "%s%s %s", told ? "\n" : "", key->kid, state);
        told++;
    }
    if (told < count) snprintf(cli->hint + size, sizeof cli->hint - size, "\nand %zu more", count - told);
}

jwkd_status kid_complete(struct cli *cli, jwkd_client *client, const char **kid, jwkd_error *error)
{
    const char *environment = cli->words[0], *beginning = *kid;
    size_t length = beginning ? strlen(beginning) : 0, count = 0;
    CLEANUP(free_answer) jwkd_key_answer *exact = NULL;
    CLEANUP(free_answer) jwkd_key_list *keys = NULL;
    if (length == 0 || length >= sizeof cli->kid) return JWKD_OK;
    /* Where nothing can be learned, the verb itself will tell why. */
    if (jwkd_get_key(client, environment, beginning, &exact, NULL) != JWKD_NOT_FOUND) return JWKD_OK;
    if (jwkd_get_keys(client, environment, &keys, NULL) != JWKD_OK) return JWKD_OK;
    if (length < KID_SHORTEST) {
        snprintf(cli->hint, sizeof cli->hint, "the beginning of a kid stands for it from %d characters on",
            KID_SHORTEST);
        return JWKD_OK;
    }
    for (size_t i = 0; i < keys->count; i++) {
        if (strncmp(keys->keys[i].kid, beginning, length) != 0) continue;
        if (count++ == 0) snprintf(cli->kid, sizeof cli->kid, "%s", keys->keys[i].kid);
    }
    if (count == 1) *kid = cli->kid;
    if (count <= 1) return JWKD_OK;
    list_candidates(cli, keys, beginning, count);
    return fail(error, JWKD_INVALID_ARGUMENT,
        "\"%.128s\" is the beginning of %zu kids of %.63s: give more of it", beginning, count, environment);
}

static size_t common_length(const char *a, const char *b)
{
    size_t length = 0;
    while (a[length] && a[length] == b[length])
        length++;
    return length;
}

size_t kid_shown_length(const jwkd_key_list *list)
{
    size_t longest = KID_SHOWN;
    for (size_t i = 0; i < list->count; i++)
        for (size_t j = i + 1; j < list->count; j++) {
            size_t common = common_length(list->keys[i].kid, list->keys[j].kid);
            if (common >= longest) longest = common + 1;
        }
    return longest;
}
