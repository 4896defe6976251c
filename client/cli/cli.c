#include "cli/cli.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/duration.h"

jwkd_status usage_error(struct cli *cli, jwkd_error *error, const char *format, ...)
{
    char message[sizeof error->message];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    cli->usage_error = true;
    return fail(error, JWKD_INVALID_ARGUMENT, "%s", message);
}

jwkd_status cli_number(struct cli *cli, enum option option, uint32_t *out, jwkd_error *error)
{
    const char *text = option_text(&cli->arguments, option);
    if (!text || number_parse(bytes_of_text(text), out) == JWKD_OK) return JWKD_OK;
    return usage_error(cli, error, "--%s must be a whole number, not '%s'", option_name(option), text);
}

jwkd_status cli_duration(struct cli *cli, enum option option, uint32_t *out_sec, jwkd_error *error)
{
    const char *text = option_text(&cli->arguments, option);
    if (!text || duration_parse(bytes_of_text(text), out_sec) == JWKD_OK) return JWKD_OK;
    return usage_error(
        cli, error, "--%s must be a time like 90s, 15m, 1h or 7d, not '%s'", option_name(option), text);
}
