#include "cli/environment.h"

#include <inttypes.h>
#include <string.h>

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
    static const struct {
        enum option option;
        unsigned field;
    } FIELDS[] = {
        {OPTION_ISSUER, JWKD_SET_ISSUER},
        {OPTION_ALGORITHM, JWKD_SET_DEFAULT_ALGORITHM},
        {OPTION_BITS, JWKD_SET_DEFAULT_BITS},
        {OPTION_AUD, JWKD_SET_DEFAULT_AUDIENCE},
        {OPTION_MAX_TTL, JWKD_SET_MAX_TOKEN_LIFETIME},
        {OPTION_TTL, JWKD_SET_DEFAULT_TOKEN_LIFETIME},
        {OPTION_LEEWAY, JWKD_SET_LEEWAY},
        {OPTION_MODE, JWKD_SET_MODE},
        {OPTION_SHOW_ONCE, JWKD_SET_SHOW_ONCE},
        {OPTION_NO_SHOW_ONCE, JWKD_SET_SHOW_ONCE},
        {OPTION_ROTATE_EVERY, JWKD_SET_ROTATE_EVERY},
        {OPTION_JWKS_MAX_AGE, JWKD_SET_JWKS_MAX_AGE},
    };
    unsigned fields = 0;
    for (size_t i = 0; i < sizeof FIELDS / sizeof *FIELDS; i++)
        if (option_given(arguments, FIELDS[i].option)) fields |= FIELDS[i].field;
    return fields;
}

jwkd_status environment_options(
    struct cli *cli, jwkd_environment *out, unsigned *out_fields, jwkd_error *error)
{
    const struct arguments *arguments = &cli->arguments;
    jwkd_environment environment = {
        .name = cli->words[0],
        .issuer = option_text(arguments, OPTION_ISSUER),
        .default_algorithm = option_text(arguments, OPTION_ALGORITHM),
        .default_audience = option_text(arguments, OPTION_AUD),
        .show_once = option_given(arguments, OPTION_SHOW_ONCE),
    };
    if (arguments->options[OPTION_AUD].count > 1)
        return usage_error(cli, error, "an environment has one default --aud");
    if (environment.show_once && option_given(arguments, OPTION_NO_SHOW_ONCE))
        return usage_error(cli, error, "--show-once and --no-show-once exclude each other");
    TRY(cli_number(cli, OPTION_BITS, &environment.default_bits, error));
    TRY(cli_duration(cli, OPTION_MAX_TTL, &environment.max_token_lifetime_sec, error));
    TRY(cli_duration(cli, OPTION_TTL, &environment.default_token_lifetime_sec, error));
    TRY(cli_duration(cli, OPTION_LEEWAY, &environment.leeway_sec, error));
    TRY(cli_duration(cli, OPTION_ROTATE_EVERY, &environment.rotate_every_sec, error));
    TRY(cli_duration(cli, OPTION_JWKS_MAX_AGE, &environment.jwks_max_age_sec, error));
    environment.no_leeway = option_given(arguments, OPTION_LEEWAY) && environment.leeway_sec == 0;
    TRY(read_mode(cli, &environment.mode, error));
    *out = environment;
    *out_fields = given_fields(arguments);
    return JWKD_OK;
}

static const char *or_none(const char *text)
{
    return text && *text ? text : "(none)";
}

/* What it does by itself, and what it is about to do. */
static void print_rotation(const jwkd_environment *environment)
{
    char every[MOMENT_SIZE], max_age[MOMENT_SIZE];
    duration_format(environment->rotate_every_sec, every);
    duration_format(environment->jwks_max_age_sec, max_age);
    if (environment->rotate_every_sec) print_field("rotates", "every %s", every);
    print_moment("next rotation", environment->rotate_at);
    if (environment->jwks_max_age_sec) print_field("JWKS", "readers may keep it for %s", max_age);
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
    print_rotation(environment);
    print_field("revision", "%" PRIu64, environment->revision);
    print_moment("created", environment->created_at);
    return JWKD_OK;
}
