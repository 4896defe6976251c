#include "cli/environment.h"

#include <inttypes.h>
#include <string.h>

#include "base/settings.h"
#include "cli/describe.h"
#include "cli/operation.h"

static jwkd_status read_mode(struct cli *cli, jwkd_mode *out, jwkd_error *error)
{
    const char *mode = option_text(&cli->arguments, OPTION_MODE);
    if (!mode) return JWKD_OK;
    if (strcmp(mode, "overlap") != 0 && strcmp(mode, "exclusive") != 0)
        return usage_error(cli, error, "--mode is overlap or exclusive, not '%s'", mode);
    *out = strcmp(mode, "overlap") == 0 ? JWKD_OVERLAP : JWKD_EXCLUSIVE;
    return JWKD_OK;
}

/* Which members the given options speak of. */
static unsigned given_fields(const struct arguments *arguments)
{
    unsigned fields = 0;
#define GIVEN_TEXT(option) option_given(arguments, OPTION_##option)
#define GIVEN_ALGORITHM(option) option_given(arguments, OPTION_##option)
#define GIVEN_NUMBER(option) option_given(arguments, OPTION_##option)
#define GIVEN_TIME(option) option_given(arguments, OPTION_##option)
#define GIVEN_MODE(option) option_given(arguments, OPTION_##option)
#define GIVEN_FLAG(option) \
    option_given(arguments, OPTION_##option) || option_given(arguments, OPTION_NO_##option)
#define ROW(kind, id, field, most, words, option, ...) \
    if (GIVEN_##kind(option)) fields |= JWKD_SET_##id;
    SETTING_TABLE(ROW)
#undef ROW
    return fields;
}

/* A flag, and not its opposite, too. */
static jwkd_status read_flag(
    struct cli *cli, enum option option, enum option opposite, bool *out, jwkd_error *error)
{
    *out = option_given(&cli->arguments, option);
    if (*out && option_given(&cli->arguments, opposite))
        return usage_error(
            cli, error, "--%s and --%s exclude each other", option_name(option), option_name(opposite));
    return JWKD_OK;
}

jwkd_status environment_options(
    struct cli *cli, jwkd_environment *out, unsigned *out_fields, jwkd_error *error)
{
    const struct arguments *arguments = &cli->arguments;
    jwkd_environment environment = {.name = cli->words[0]};
    if (arguments->options[OPTION_AUD].count > 1)
        return usage_error(cli, error, "an environment has one default --aud");
#define READ_TEXT(field, option) environment.field = option_text(arguments, OPTION_##option)
#define READ_ALGORITHM(field, option) environment.field = option_text(arguments, OPTION_##option)
#define READ_NUMBER(field, option) TRY(cli_number(cli, OPTION_##option, &environment.field, error))
#define READ_TIME(field, option) TRY(cli_duration(cli, OPTION_##option, &environment.field, error))
#define READ_MODE(field, option) TRY(read_mode(cli, &environment.field, error))
#define READ_FLAG(field, option) \
    TRY(read_flag(cli, OPTION_##option, OPTION_NO_##option, &environment.field, error))
#define ROW(kind, id, field, most, words, option, ...) READ_##kind(field, option);
    SETTING_TABLE(ROW)
#undef ROW
    environment.no_leeway = option_given(arguments, OPTION_LEEWAY) && environment.leeway_sec == 0;
    *out = environment;
    *out_fields = given_fields(arguments);
    return JWKD_OK;
}

static const char *or_none(const char *text)
{
    return text && *text ? text : "(none)";
}

/* A setting with a line of its own; 0 is not worth one. */
static void print_time(uint32_t seconds, const char *label, const char *prefix)
{
    char text[MOMENT_SIZE];
    duration_format(seconds, text);
    if (label && seconds) print_field(label, "%s%s", prefix, text);
}

static void print_own_lines(const jwkd_environment *environment)
{
#define PRINT_TEXT(field, label, prefix)
#define PRINT_ALGORITHM(field, label, prefix)
#define PRINT_NUMBER(field, label, prefix)
#define PRINT_TIME(field, label, prefix) print_time(environment->field, label, prefix);
#define PRINT_MODE(field, label, prefix)
#define PRINT_FLAG(field, label, prefix)
#define ROW(kind, id, field, most, words, option, name, value, json, label, prefix, ...) \
    PRINT_##kind(field, label, prefix)
    SETTING_TABLE(ROW)
#undef ROW
}

/* What it is about to do. */
static void print_rotation(const jwkd_environment *environment)
{
    print_moment("next rotation", environment->rotate_at);
    const jwkd_operation *pending = environment->pending;
    if (!pending) return;
    char progress[OPERATION_TEXT_SIZE];
    operation_format_progress(pending, progress);
    print_field("pending", "%s becomes primary: %s", pending->kid, progress);
    print_field("operation", "%s", pending->id);
}

jwkd_status print_environment(bool json, const jwkd_environment *environment, jwkd_error *error)
{
    if (json) return print_json(environment_json(environment), error);
    char type[MOMENT_SIZE], ttl[MOMENT_SIZE], most[MOMENT_SIZE], leeway[MOMENT_SIZE];
    key_type_format(environment->default_algorithm, environment->default_bits, type);
    duration_format(environment->default_token_lifetime_sec, ttl);
    duration_format(environment->max_token_lifetime_sec, most);
    duration_format(environment->leeway_sec, leeway);
    print_field("name", "%s", environment->name);
    print_field("issuer", "%s", or_none(environment->issuer));
    print_field("audience", "%s", or_none(environment->default_audience));
    print_field("keys", "%" PRIu32 " active, new ones %s", environment->active_keys, type);
    print_field("primary", "%s", or_none(environment->primary_kid));
    print_field("tokens live", "%s, at most %s; leeway %s", ttl, most, leeway);
    print_field("mode", "%s%s", mode_name(environment->mode),
        environment->show_once ? ", public keys are shown once" : "");
    print_own_lines(environment);
    print_rotation(environment);
    print_field("revision", "%" PRIu64, environment->revision);
    print_moment("created", environment->created_at);
    return JWKD_OK;
}
