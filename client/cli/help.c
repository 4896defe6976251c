#include "cli/help.h"

#include <string.h>

#include "cli/command.h"
#include "cli/output.h"

/* Text is wrapped to what any terminal has. */
enum { WIDTH = 80, VERB_COLUMN = 18, OPTION_COLUMN = 23 };

/* Writes words, from `column` on, where further lines begin, too. Line ends in the text are spaces. */
static void print_wrapped(FILE *stream, size_t column, const char *text)
{
    size_t at = column;
    for (text += strspn(text, " \n"); *text; text += strspn(text, " \n")) {
        size_t length = strcspn(text, " \n");
        bool first = at == column;
        if (!first && at + 1 + length > WIDTH) {
            fprintf(stream, "\n%*s", (int)column, "");
            at = column;
            first = true;
        }
        at += fprintf(stream, "%s%.*s", first ? "" : " ", (int)length, text) > 0 ? length + !first : 0;
        text += length;
    }
    fputc('\n', stream);
}

/* "  name         text". */
static void print_entry(FILE *stream, size_t column, const char *name, const char *text)
{
    fprintf(stream, "  %-*s ", (int)column - 3, name);
    print_wrapped(stream, column, text);
}

static void print_options(FILE *stream, const struct verb_option *options)
{
    for (; options->help; options++) {
        char option[64];
        const char *value = option_value_name(options->option);
        snprintf(option, sizeof option, "--%s%s%s", option_name(options->option), value ? " " : "",
            value ? value : "");
        print_entry(stream, OPTION_COLUMN, option, options->help);
    }
}

void help_overall(FILE *stream)
{
    fputs("usage: jwkctl [--url URL] [--json] VERB ...\n\n"
          "Manages and uses the keys of a jwkd service.\n\nverbs:\n",
        stream);
    for (const struct verb *const *verb = VERBS; *verb; verb++)
        print_entry(stream, VERB_COLUMN, (*verb)->name, (*verb)->summary);
    fputs("\noptions, anywhere:\n", stream);
    print_options(stream, VERB_OPTIONS_OF_ALL);
    fputs("\nExit status: 0 done; 1 failed, or a token refused; 2 wrong command line;\n"
          "3 service not reachable.\n",
        stream);
}

void help_verb(const struct verb *verb)
{
    char usage[160], summary[160];
    snprintf(usage, sizeof usage, "jwkctl %s %s%s", verb->name, verb->words,
        verb->options[0].help ? " [options]" : "");
    snprintf(summary, sizeof summary, "%c%s.", verb->summary[0] - 'a' + 'A', verb->summary + 1);
    fputs("usage: ", stdout);
    print_wrapped(stdout, strlen("usage: "), usage);
    putchar('\n');
    print_wrapped(stdout, 0, summary);
    if (*verb->details) print_wrapped(stdout, 0, verb->details);
    if (verb->options[0].help) {
        puts("\noptions:");
        print_options(stdout, verb->options);
    }
    puts("\noptions of every verb:");
    print_options(stdout, VERB_OPTIONS_OF_ALL);
}

static json_t *options_json(const struct verb_option *options)
{
    json_t *array = json_array();
    for (; array && options->help; options++) {
        const char *value = option_value_name(options->option);
        json_array_append_new(array, json_pack("{s:s, s:s?, s:s}", "name", option_name(options->option),
                                         "value", value, "help", options->help));
    }
    return array;
}

static json_t *table_json(void)
{
    json_t *verbs = json_array();
    for (const struct verb *const *verb = VERBS; verbs && *verb; verb++)
        json_array_append_new(
            verbs, json_pack("{s:s, s:s, s:s, s:o}", "name", (*verb)->name, "words", (*verb)->words,
                       "summary", (*verb)->summary, "options", options_json((*verb)->options)));
    return json_pack("{s:o, s:o}", "verbs", verbs, "options", options_json(VERB_OPTIONS_OF_ALL));
}

/* Verbs of two words whose first is this, for `help env`. */
static void help_group(const char *word)
{
    size_t length = strlen(word);
    for (const struct verb *const *verb = VERBS; *verb; verb++)
        if (strncmp((*verb)->name, word, length) == 0 && (*verb)->name[length] == ' ')
            print_entry(stdout, VERB_COLUMN, (*verb)->name, (*verb)->summary);
}

jwkd_status help(struct cli *cli, const char *const *words, size_t count, jwkd_error *error)
{
    size_t name_words = 0;
    const struct verb *verb = verb_find(words, count, &name_words);
    if (count == 0 && cli->json) return print_json(table_json(), error);
    if (count == 0) {
        help_overall(stdout);
    } else if (verb) {
        help_verb(verb);
    } else if (count == 1 && verb_is_group(words[0])) {
        help_group(words[0]);
    } else {
        return command_unknown(cli, words, count, error);
    }
    return JWKD_OK;
}

static jwkd_status run_help(struct cli *cli, jwkd_error *error)
{
    return help(cli, cli->words, cli->word_count, error);
}

const struct verb VERB_HELP = {
    .name = "help",
    .words = "[VERB]",
    .most_words = 2,
    .summary = "explain a verb, or list all of them",
    .details = "With --json and no verb: all verbs and their options.",
    .run = run_help,
};
