#include "cli/command.h"

#include <stdio.h>
#include <string.h>

#include "base/suggest.h"

/* ---- verbs */

/* The second word of a verb of two; NULL of others. */
static const char *second_word(const struct verb *verb)
{
    const char *space = strchr(verb->name, ' ');
    return space ? space + 1 : NULL;
}

static bool is_of_group(const struct verb *verb, const char *group)
{
    size_t length = strlen(group);
    return strncmp(verb->name, group, length) == 0 && verb->name[length] == ' ';
}

/* Among all names; a verb of two words may lack its first one, or either may be misspelt. */
static const char *nearest_verb(const char *word)
{
    struct suggestion suggestion = {.word = word};
    for (const struct verb *const *verb = VERBS; *verb; verb++)
        suggestion_offer(&suggestion, (*verb)->name);
    for (const struct verb *const *verb = VERBS; !suggestion.best && *verb; verb++)
        if (second_word(*verb) && strcmp(second_word(*verb), word) == 0) return (*verb)->name;
    return suggestion.best;
}

static const char *nearest_of_group(const char *group, const char *word)
{
    struct suggestion suggestion = {.word = word};
    for (const struct verb *const *verb = VERBS; *verb; verb++)
        if (is_of_group(*verb, group)) suggestion_offer(&suggestion, second_word(*verb));
    return suggestion.best;
}

jwkd_status command_unknown(struct cli *cli, const char *const *words, size_t count, jwkd_error *error)
{
    bool group = verb_is_group(words[0]);
    if (group && count == 1)
        return usage_error(
            cli, error, "%s is the first word of verbs: see 'jwkctl help %s'", words[0], words[0]);
    char meant[64] = "";
    const char *nearest = group ? nearest_of_group(words[0], words[1]) : nearest_verb(words[0]);
    if (nearest)
        snprintf(meant, sizeof meant, "; did you mean '%s%s%s'?", group ? words[0] : "", group ? " " : "",
            nearest);
    return usage_error(cli, error, "there is no verb '%.60s%s%.60s'%s", words[0], group ? " " : "",
        group ? words[1] : "", meant);
}

/* ---- options */

/* The option that was misspelt, as far as one can tell; of the verb, or of all. */
static const char *nearest_option(const struct verb *verb, const char *word)
{
    char name[64];
    const char *bare = word + strspn(word, "-");
    snprintf(name, sizeof name, "%.*s", (int)strcspn(bare, "="), bare);
    struct suggestion suggestion = {.word = name};
    for (unsigned i = 0; *name && i < OPTION_COUNT; i++)
        if (!verb || verb_takes(verb, (enum option)i))
            suggestion_offer(&suggestion, option_name((enum option)i));
    return suggestion.best;
}

static jwkd_status unknown_option(
    struct cli *cli, const char *word, const char *nearest, bool kid_place, jwkd_error *error)
{
    char meant[64] = "", kid[128] = "";
    size_t length = strcspn(word, "=");
    if (nearest) snprintf(meant, sizeof meant, "; did you mean --%s?", nearest);
    if (kid_place)
        snprintf(kid, sizeof kid, "%s that is a kid, put '--' before it: -- %.60s", nearest ? " If" : "; if",
            word);
    return usage_error(
        cli, error, "unknown option %.*s%s%s", length < 60 ? (int)length : 60, word, meant, kid);
}

/* Whether the verb's word of that index is a kid. */
static bool is_kid_place(const struct verb *verb, size_t index)
{
    const char *word = verb->words;
    for (; index > 0 && word; index--) {
        word = strchr(word, ' ');
        word = word ? word + 1 : NULL;
    }
    return word && strcmp(word, "KID") == 0;
}

/* A kid may begin with a dash, or with two (RFC 7638: base64url). Other words with one may as they always
 * could, unless they are options but for a slip. */
static jwkd_status check_dashed(
    struct cli *cli, const struct verb *verb, size_t name_words, jwkd_error *error)
{
    const struct arguments *arguments = &cli->arguments;
    for (size_t i = 0; i < arguments->word_count; i++) {
        const char *word = arguments->words[i];
        if (!arguments->dashed[i]) continue;
        bool kid_place = verb && i >= name_words && is_kid_place(verb, i - name_words);
        bool one_dash = word[1] != '-', letter = one_dash && !word[2];
        if (kid_place && (one_dash || may_be_kid(word))) continue;
        const char *nearest = nearest_option(verb, word);
        if (one_dash && !letter && !nearest) continue;
        return unknown_option(cli, word, letter ? NULL : nearest, kid_place, error);
    }
    return JWKD_OK;
}

/* Whether the command line fits the verb. */
static jwkd_status check_verb(struct cli *cli, const struct verb *verb, jwkd_error *error)
{
    for (unsigned i = 0; i < OPTION_COUNT; i++)
        if (option_given(&cli->arguments, (enum option)i) && !verb_takes(verb, (enum option)i))
            return usage_error(cli, error, "%s takes no --%s", verb->name, option_name((enum option)i));
    if (cli->word_count < verb->least_words || cli->word_count > verb->most_words)
        return usage_error(cli, error, "too %s arguments: jwkctl %s %s",
            cli->word_count < verb->least_words ? "few" : "many", verb->name, verb->words);
    return JWKD_OK;
}

jwkd_status command_find(struct cli *cli, const struct verb **out, jwkd_error *error)
{
    struct arguments *arguments = &cli->arguments;
    size_t name_words = 0;
    const struct verb *verb = verb_find(arguments->words, arguments->word_count, &name_words);
    TRY(check_dashed(cli, verb, name_words, error));
    if (arguments->word_count == 0) return usage_error(cli, error, "what shall be done? name a verb");
    if (!verb) return command_unknown(cli, arguments->words, arguments->word_count, error);
    cli->words = arguments->words + name_words;
    cli->word_count = arguments->word_count - name_words;
    TRY(check_verb(cli, verb, error));
    *out = verb;
    return JWKD_OK;
}
