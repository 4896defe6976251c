#include "daemon/config.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "access/principal.h"
#include "base/cleanup.h"
#include "base/limits.h"
#include "base/suggest.h"

enum {
    CONFIG_FILE_MAX = 64 * 1024,
    LEASE_HEARTBEATS = 3, /* that fit into the longest lease, at least */
    HELP_WIDTH = 79,
    HELP_INDENT = 24,
};

enum option_kind {
    OPTION_FLAG,
    OPTION_PATH,
    OPTION_WORD,
    OPTION_NUMBER,
    OPTION_DURATION,
    OPTION_URLS,
    OPTION_UPSTREAM,
    OPTION_PRINCIPAL
};

struct option {
    const char *name;
    const char *value; /* what stands for the value in the help; NULL for a flag */
    enum option_kind kind;
    size_t offset, count_offset;
    uint64_t least, most;
    bool command_line_only;
    const char *help;
};

#define AT(member) offsetof(struct config, member)

// clang-format off
static const struct option OPTIONS[] = {
    {"data", "DIR", OPTION_PATH, AT(data), 0, 0, 0, false, "where keys and events are stored (root: /var/lib/jwkd, others: ~/.local/share/jwkd)"},
    {"socket-dir", "DIR", OPTION_PATH, AT(socket_dir), 0, 0, 0, false,
     "where rpc.sock and events.sock are made ($XDG_RUNTIME_DIR/jwkd or /run/jwkd)"},
    {"key-file", "FILE", OPTION_PATH, AT(key_file), 0, 0, 0, false,
     "the key-encryption key, made at the first start (DATA/jwkd.key)"},
    {"listen", "URL", OPTION_URLS, AT(listen), AT(listen_count), 0, 0, false,
     "serve requests here too, e.g. tcp://127.0.0.1:7070; may be repeated"},
    {"listen-events", "URL", OPTION_URLS, AT(listen_events), AT(listen_events_count), 0, 0, false,
     "publish events here too, e.g. tcp://127.0.0.1:7071; may be repeated"},
    {"workers", "N", OPTION_NUMBER, AT(workers), 0, 1, 256, false, "threads for cryptography (one a processor)"},
    {"queue", "N", OPTION_NUMBER, AT(queue), 0, 1, 150, false, "requests of one caller that may wait (128)"},
    {"reserve", "N", OPTION_NUMBER, AT(reserve), 0, 0, 64, false, "ready keys kept per key type in use (4)"},
    {"heartbeat-ms", "N", OPTION_NUMBER, AT(heartbeat_ms), 0, 10, 10000, false, "time between heartbeats (250)"},
    {"max-lease", "TIME", OPTION_DURATION, AT(max_lease_ms), 0, 1000, LIMIT_LEASE_MS, false,
     "how long verifiers judge without hearing from here (30s); at least three heartbeats"},
    {"signer-keys", "N", OPTION_NUMBER, AT(signer_keys), 0, 1, 1000000, false, "private keys held unsealed at a time (1024)"},
    {"secure-heap", "KIB", OPTION_NUMBER, AT(secure_heap_kib), 0, 64, 1048576, false,
     "memory for unsealed keys, locked where allowed (4096)"},
    {"map-size", "MIB", OPTION_NUMBER, AT(map_size_mib), 0, 16, 16777216, false,
     "address space for the store, taken once (65536)"},
    {"upstream", "URL", OPTION_UPSTREAM, AT(upstream), 0, 0, 0, false,
     "the service to stand in for, or another relay, e.g. tcp://10.0.0.5:7070"},
    {"ipc-role", "ROLE", OPTION_WORD, AT(ipc_role), 0, 0, 0, false,
     "what a local user without a grant may do everywhere: none, verifier, signer or operator (verifier)"},
    {"tcp-role", "ROLE", OPTION_WORD, AT(tcp_role), 0, 0, 0, false,
     "what anybody may do over plain tcp: none, verifier or relay (none)"},
    {"insecure-tcp", "YES", OPTION_WORD, AT(insecure_tcp), 0, 0, 0, false,
     "yes: API tokens may come over plain tcp, where others can read them (no)"},
    {"admin", "PRINCIPAL", OPTION_PRINCIPAL, AT(admin), 0, 0, 0, true,
     "make one an admin of everything, e.g. uid:1000: the way back for an operator who was shut out"},
    {"log-level", "LEVEL", OPTION_WORD, AT(log_level), 0, 0, 0, false, "error, warning, info or debug (info)"},
    {"log-format", "FORMAT", OPTION_WORD, AT(log_format), 0, 0, 0, false, "text or json (text)"},
    {"new-epoch", NULL, OPTION_FLAG, AT(new_epoch), 0, 0, 0, true,
     "have all verifiers take the keys anew: after a disk or a machine was set back as a whole, which does not show by itself"},
    {"accept-clock", NULL, OPTION_FLAG, AT(accept_clock), 0, 0, 0, true,
     "the clock is right, although it is behind what the keys have seen: sign again"},
    {"config", "FILE", OPTION_PATH, AT(config_file), 0, 0, 0, true, "read options from a file first: name = value lines"},
    {"check", NULL, OPTION_FLAG, AT(check), 0, 0, 0, true, "check configuration, key file and every stored row, then exit"},
    {"help", NULL, OPTION_FLAG, AT(help), 0, 0, 0, true, "show this"},
    {"version", NULL, OPTION_FLAG, AT(version), 0, 0, 0, true, "show the version"},
};
// clang-format on

enum { OPTION_COUNT = sizeof OPTIONS / sizeof *OPTIONS };

/* A relay has no keys and no store. */
static const char *const RELAY_OPTIONS[] = {"upstream", "socket-dir", "listen", "listen-events", "log-level",
    "log-format", "config", "check", "help", "version"};

static bool is_of_program(const struct option *option, bool relay)
{
    if (!relay) return option->kind != OPTION_UPSTREAM;
    for (size_t i = 0; i < sizeof RELAY_OPTIONS / sizeof *RELAY_OPTIONS; i++)
        if (strcmp(RELAY_OPTIONS[i], option->name) == 0) return true;
    return false;
}

static const struct option *find_option(struct bytes name, bool relay)
{
    for (size_t i = 0; i < OPTION_COUNT; i++)
        if (bytes_equal_text(name, OPTIONS[i].name) && is_of_program(&OPTIONS[i], relay)) return &OPTIONS[i];
    return NULL;
}

/* The option that was meant, as far as one can tell; NULL: none. */
static const char *nearest_option(struct bytes word, bool in_file, bool relay)
{
    char name[32];
    snprintf(
        name, sizeof name, "%.*s", (int)(word.size < sizeof name ? word.size : 0), (const char *)word.data);
    struct suggestion suggestion = {.word = name};
    for (size_t i = 0; *name && i < OPTION_COUNT; i++)
        if (is_of_program(&OPTIONS[i], relay) && !(in_file && OPTIONS[i].command_line_only))
            suggestion_offer(&suggestion, OPTIONS[i].name);
    return suggestion.best;
}

static void *member(struct config *config, size_t offset)
{
    return (char *)config + offset;
}

static jwkd_status set_text(
    const struct option *option, char *out, size_t capacity, struct bytes value, jwkd_error *error)
{
    if (value.size == 0) return fail(error, JWKD_INVALID_ARGUMENT, "%s needs a value", option->name);
    if (value.size >= capacity || memchr(value.data, '\0', value.size))
        return fail(error, JWKD_INVALID_ARGUMENT, "the value of %s is longer than %zu characters",
            option->name, capacity - 1);
    memcpy(out, value.data, value.size);
    out[value.size] = '\0';
    return JWKD_OK;
}

static bool read_number(struct bytes digits, uint64_t *out)
{
    bool good = digits.size > 0 && digits.size <= 10;
    *out = 0;
    for (size_t i = 0; good && i < digits.size; i++) {
        good = digits.data[i] >= '0' && digits.data[i] <= '9';
        *out = *out * 10 + (uint64_t)(digits.data[i] - '0');
    }
    return good;
}

static jwkd_status set_number(
    const struct option *option, uint64_t *out, struct bytes value, jwkd_error *error)
{
    uint64_t number;
    if (!read_number(value, &number) || number < option->least || number > option->most)
        return fail(error, JWKD_INVALID_ARGUMENT, "%s is a number from %llu to %llu", option->name,
            (unsigned long long)option->least, (unsigned long long)option->most);
    *out = number;
    return JWKD_OK;
}

/* "3s", "500ms", "2m"; a bare number is seconds. In milliseconds. */
static jwkd_status set_duration(
    const struct option *option, uint64_t *out, struct bytes value, jwkd_error *error)
{
    static const struct {
        const char *name;
        uint64_t ms;
    } UNITS[] = {{"ms", 1}, {"s", 1000}, {"m", 60 * 1000}};
    uint64_t number, unit_ms = 1000;
    for (size_t i = 0; i < sizeof UNITS / sizeof *UNITS; i++) {
        size_t size = strlen(UNITS[i].name);
        if (value.size <= size || memcmp(value.data + value.size - size, UNITS[i].name, size) != 0) continue;
        unit_ms = UNITS[i].ms;
        value.size -= size;
        break;
    }
    if (!read_number(value, &number) || number * unit_ms < option->least || number * unit_ms > option->most)
        return fail(error, JWKD_INVALID_ARGUMENT,
            "%s is a time from %llu to %llu seconds, like 3s, 1500ms or 2m", option->name,
            (unsigned long long)option->least / 1000, (unsigned long long)option->most / 1000);
    *out = number * unit_ms;
    return JWKD_OK;
}

static jwkd_status add_url(
    const struct option *option, struct config *config, struct bytes value, jwkd_error *error)
{
    size_t *count = member(config, option->count_offset);
    char(*urls)[256] = member(config, option->offset);
    if (*count == CONFIG_MAX_URLS)
        return fail(
            error, JWKD_INVALID_ARGUMENT, "%s is given more than %d times", option->name, CONFIG_MAX_URLS);
    if (value.size < 6 || (memcmp(value.data, "tcp://", 6) != 0 && memcmp(value.data, "ipc://", 6) != 0))
        return fail(
            error, JWKD_INVALID_ARGUMENT, "%s takes a URL that begins with tcp:// or ipc://", option->name);
    TRY(set_text(option, urls[*count], sizeof urls[*count], value, error));
    (*count)++;
    return JWKD_OK;
}

static jwkd_status set_option(
    const struct option *option, struct config *config, struct bytes value, jwkd_error *error)
{
    switch (option->kind) {
    case OPTION_FLAG:
        *(bool *)member(config, option->offset) = true;
        return JWKD_OK;
    case OPTION_PATH:
        return set_text(option, member(config, option->offset), CONFIG_PATH, value, error);
    case OPTION_WORD:
        return set_text(option, member(config, option->offset), 16, value, error);
    case OPTION_NUMBER:
        return set_number(option, member(config, option->offset), value, error);
    case OPTION_DURATION:
        return set_duration(option, member(config, option->offset), value, error);
    case OPTION_URLS:
        return add_url(option, config, value, error);
    case OPTION_UPSTREAM:
        return set_text(option, config->upstream, sizeof config->upstream, value, error);
    case OPTION_PRINCIPAL:
        return set_text(option, config->admin, sizeof config->admin, value, error);
    }
    return JWKD_INTERNAL;
}

static struct bytes trim(struct bytes text)
{
    while (text.size && (text.data[0] == ' ' || text.data[0] == '\t'))
        text.data++, text.size--;
    while (text.size && (text.data[text.size - 1] == ' ' || text.data[text.size - 1] == '\t' ||
                            text.data[text.size - 1] == '\r'))
        text.size--;
    return text;
}

static const char *program(const struct config *config)
{
    return config->relay ? "jwkd relay" : "jwkd";
}

/* What other programs take for a comment, a quotation or a shell's is nothing of the kind here. As part of a
 * path it would have a service start that is new and empty, without a word. */
static jwkd_status check_plain(const struct option *option, struct bytes value, jwkd_error *error)
{
    for (size_t i = 0; i < value.size; i++)
        if ((value.data[i] == '#' || value.data[i] == ';') &&
            (i == 0 || value.data[i - 1] == ' ' || value.data[i - 1] == '\t'))
            return fail(error, JWKD_INVALID_ARGUMENT,
                "a comment is a line of its own, and no part of a value (%s)", option->name);
    if (value.size && memchr("\"'", value.data[0], 2))
        return fail(
            error, JWKD_INVALID_ARGUMENT, "the value of %s is written without quotation marks", option->name);
    if (value.size && memchr("~$", value.data[0], 2))
        return fail(error, JWKD_INVALID_ARGUMENT, "%s is written out: no shell is there to replace ~ or $",
            option->name);
    return JWKD_OK;
}

/* A file being read, and where in it each option was set; 0: nowhere yet. */
struct reading {
    const char *file;
    unsigned line, set_at[OPTION_COUNT];
};

/* Once each: of two, one would be passed over in silence. */
static jwkd_status check_first(struct reading *reading, const struct option *option, jwkd_error *error)
{
    unsigned *set_at = &reading->set_at[option - OPTIONS];
    if (*set_at && option->kind != OPTION_URLS)
        return fail(error, JWKD_INVALID_ARGUMENT, "%s is set in line %u already", option->name, *set_at);
    *set_at = reading->line;
    return JWKD_OK;
}

static jwkd_status fail_setting(const struct config *config, struct bytes name, jwkd_error *error)
{
    char meant[64] = "";
    const char *nearest = nearest_option(name, true, config->relay);
    if (nearest) snprintf(meant, sizeof meant, "; did you mean %s?", nearest);
    return fail(error, JWKD_INVALID_ARGUMENT, "there is no setting \"%.*s\"%s (%s --help lists them)",
        (int)(name.size < 40 ? name.size : 40), (const char *)name.data, meant, program(config));
}

static jwkd_status parse_setting(
    struct reading *reading, struct bytes line, struct config *config, jwkd_error *error)
{
    const uint8_t *equals = memchr(line.data, '=', line.size);
    if (!equals) return fail(error, JWKD_INVALID_ARGUMENT, "a line is \"name = value\"");
    struct bytes name = trim(bytes_of(line.data, (size_t)(equals - line.data)));
    struct bytes value = trim(bytes_of(equals + 1, line.size - (size_t)(equals - line.data) - 1));
    const struct option *option = find_option(name, config->relay);
    if (!option || option->command_line_only) return fail_setting(config, name, error);
    TRY(check_first(reading, option, error));
    TRY(check_plain(option, value, error));
    return set_option(option, config, value, error);
}

static jwkd_status parse_line(
    struct reading *reading, struct bytes line, struct config *config, jwkd_error *error)
{
    jwkd_error why = {0};
    line = trim(line);
    if (line.size == 0 || line.data[0] == '#') return JWKD_OK;
    jwkd_status status = parse_setting(reading, line, config, &why);
    if (status == JWKD_OK) return JWKD_OK;
    return fail(error, status, "%.100s:%u: %.120s", reading->file, reading->line, why.message);
}

jwkd_status config_parse(struct bytes text, const char *file, struct config *config, jwkd_error *error)
{
    struct reading reading = {.file = file};
    while (text.size) {
        reading.line++;
        const uint8_t *newline = memchr(text.data, '\n', text.size);
        size_t length = newline ? (size_t)(newline - text.data) : text.size;
        TRY(parse_line(&reading, bytes_of(text.data, length), config, error));
        size_t used = newline ? length + 1 : length;
        text = bytes_of(text.data + used, text.size - used);
    }
    return JWKD_OK;
}

static jwkd_status read_file(const char *file, struct config *config, jwkd_error *error)
{
    FILE *stream = fopen(file, "re");
    if (!stream)
        return fail(
            error, JWKD_NOT_FOUND, "the configuration file %.150s cannot be read: %s", file, strerror(errno));
    CLEANUP(free_at) char *text = malloc(CONFIG_FILE_MAX + 1);
    size_t size = text ? fread(text, 1, CONFIG_FILE_MAX + 1, stream) : 0;
    bool failed = ferror(stream) != 0;
    fclose(stream);
    if (!text || failed)
        return fail(error, JWKD_UNAVAILABLE, "the configuration file %.150s cannot be read", file);
    if (size > CONFIG_FILE_MAX)
        return fail(error, JWKD_INVALID_ARGUMENT, "the configuration file %.150s is larger than %d bytes",
            file, CONFIG_FILE_MAX);
    return config_parse(bytes_of(text, size), file, config, error);
}

static jwkd_status fail_word(const struct config *config, const char *word, jwkd_error *error)
{
    char meant[64] = "";
    const char *nearest = nearest_option(bytes_of_text(word + (*word == '-')), false, config->relay);
    struct suggestion relay = {.word = word};
    if (!config->relay) suggestion_offer(&relay, "relay");
    if (relay.best)
        snprintf(meant, sizeof meant, "; did you mean 'jwkd relay'?");
    else if (nearest)
        snprintf(meant, sizeof meant, "; did you mean --%s?", nearest);
    else if (!config->relay && *word != '-')
        snprintf(meant, sizeof meant, "; the only word that may come first is 'relay'");
    return fail(error, JWKD_INVALID_ARGUMENT, "\"%.60s\" is not an option%s (%s --help lists them)", word,
        meant, program(config));
}

static jwkd_status fail_option(
    const struct config *config, const char *argument, struct bytes name, jwkd_error *error)
{
    char meant[64] = "";
    const char *nearest = nearest_option(name, false, config->relay);
    if (nearest) snprintf(meant, sizeof meant, "; did you mean --%s?", nearest);
    return fail(error, JWKD_INVALID_ARGUMENT, "there is no option \"%.60s\"%s (%s --help lists them)",
        argument, meant, program(config));
}

/* "--name value", "--name=value" or "--flag". */
static jwkd_status next_argument(int count, char *const *arguments, const struct config *config, int *index,
    const struct option **out_option, struct bytes *out_value, jwkd_error *error)
{
    const char *argument = arguments[*index];
    if (strcmp(argument, "-h") == 0) argument = "--help";
    if (strcmp(argument, "-V") == 0) argument = "--version";
    if (strncmp(argument, "--", 2) != 0) return fail_word(config, argument, error);
    const char *equals = strchr(argument, '=');
    struct bytes name =
        bytes_of(argument + 2, equals ? (size_t)(equals - argument) - 2 : strlen(argument) - 2);
    const struct option *option = find_option(name, config->relay);
    if (!option) return fail_option(config, argument, name, error);
    if (option->kind == OPTION_FLAG && equals)
        return fail(error, JWKD_INVALID_ARGUMENT, "--%s takes no value", option->name);
    struct bytes value = equals ? bytes_of_text(equals + 1) : (struct bytes){0};
    if (option->kind != OPTION_FLAG && !equals) {
        if (++*index >= count) return fail(error, JWKD_INVALID_ARGUMENT, "--%s needs a value", option->name);
        value = bytes_of_text(arguments[*index]);
    }
    *out_option = option;
    *out_value = value;
    return JWKD_OK;
}

static jwkd_status read_arguments(
    int count, char *const *arguments, bool only_command_line, struct config *config, jwkd_error *error)
{
    for (int i = config->relay ? 2 : 1; i < count; i++) {
        const struct option *option = NULL;
        struct bytes value;
        TRY(next_argument(count, arguments, config, &i, &option, &value, error));
        if (only_command_line && !option->command_line_only) continue;
        TRY(set_option(option, config, value, error));
    }
    return JWKD_OK;
}

static void default_directories(struct config *config)
{
    const char *state = getenv("STATE_DIRECTORY"), *runtime = getenv("XDG_RUNTIME_DIR"),
               *home = getenv("HOME");
    const char *shared = getenv("XDG_DATA_HOME");
    if (state && *state == '/')
        snprintf(config->data, sizeof config->data, "%s", state);
    else if (geteuid() == 0)
        snprintf(config->data, sizeof config->data, "/var/lib/jwkd");
    else if (shared && *shared == '/')
        snprintf(config->data, sizeof config->data, "%s/jwkd", shared);
    else
        snprintf(config->data, sizeof config->data, "%s/.local/share/jwkd", home && *home ? home : ".");
    if (runtime && *runtime == '/')
        snprintf(config->socket_dir, sizeof config->socket_dir, "%s/jwkd", runtime);
    else
        snprintf(config->socket_dir, sizeof config->socket_dir, "/run/jwkd");
}

static jwkd_status check_words(const struct config *config, jwkd_error *error)
{
    if (strcmp(config->log_format, "text") != 0 && strcmp(config->log_format, "json") != 0)
        return fail(
            error, JWKD_INVALID_ARGUMENT, "log-format is text or json, not \"%s\"", config->log_format);
    static const char *const LEVELS[] = {"error", "warning", "info", "debug"};
    for (size_t i = 0; i < sizeof LEVELS / sizeof *LEVELS; i++)
        if (strcmp(config->log_level, LEVELS[i]) == 0) return JWKD_OK;
    return fail(error, JWKD_INVALID_ARGUMENT, "log-level is error, warning, info or debug, not \"%s\"",
        config->log_level);
}

static bool is_one_of(const char *word, const char *const *words)
{
    for (; *words; words++)
        if (strcmp(word, *words) == 0) return true;
    return false;
}

static jwkd_status check_roles(const struct config *config, jwkd_error *error)
{
    static const char *const IPC[] = {"none", "verifier", "signer", "operator", NULL};
    static const char *const TCP[] = {"none", "verifier", "relay", NULL};
    static const char *const YES[] = {"yes", "no", NULL};
    if (!is_one_of(config->ipc_role, IPC))
        return fail(error, JWKD_INVALID_ARGUMENT,
            "ipc-role is none, verifier, signer or operator, not \"%s\": more is granted to each by name",
            config->ipc_role);
    if (!is_one_of(config->tcp_role, TCP))
        return fail(error, JWKD_INVALID_ARGUMENT,
            "tcp-role is none, verifier or relay, not \"%s\": more takes a credential", config->tcp_role);
    if (!is_one_of(config->insecure_tcp, YES))
        return fail(
            error, JWKD_INVALID_ARGUMENT, "insecure-tcp is yes or no, not \"%s\"", config->insecure_tcp);
    if (*config->admin) TRY(principal_check(config->admin, error));
    return JWKD_OK;
}

/* Nobody is to be shut out by an upgrade without a word. */
static jwkd_status check_tcp(const struct config *config, jwkd_error *error)
{
    bool tcp = false;
    for (size_t i = 0; i < config->listen_count; i++)
        tcp |= strncmp(config->listen[i], "tcp://", 6) == 0;
    if (config->relay || !tcp || strcmp(config->tcp_role, "none") != 0 ||
        strcmp(config->insecure_tcp, "yes") == 0)
        return JWKD_OK;
    return fail(error, JWKD_INVALID_ARGUMENT,
        "nobody may do anything over plain tcp: say tcp-role = verifier (or relay) for anybody who can "
        "connect; "
        "or insecure-tcp = yes, to take API tokens there; or leave listen out");
}

static jwkd_status check_upstream(const struct config *config, jwkd_error *error)
{
    if (config->relay && !*config->upstream)
        return fail(
            error, JWKD_INVALID_ARGUMENT, "a relay needs to know where the service is: --upstream URL");
    return JWKD_OK;
}

/* A lease that is not renewed in time ends, and every token is refused until the next heartbeat. */
static jwkd_status check_lease(const struct config *config, jwkd_error *error)
{
    if (config->max_lease_ms < LEASE_HEARTBEATS * config->heartbeat_ms)
        return fail(error, JWKD_INVALID_ARGUMENT,
            "max-lease (%llu ms) is shorter than %d heartbeats (heartbeat-ms is %llu): verifiers would "
            "refuse "
            "between two of them",
            (unsigned long long)config->max_lease_ms, LEASE_HEARTBEATS,
            (unsigned long long)config->heartbeat_ms);
    return JWKD_OK;
}

static jwkd_status check_transports(const struct config *config, jwkd_error *error)
{
    if (config->listen_count && !config->listen_events_count)
        return fail(
            error, JWKD_INVALID_ARGUMENT, "listen needs listen-events too: clients follow the keys there");
    return JWKD_OK;
}

/* Clients are told where the sockets are, and have working directories of their own. */
static jwkd_status make_absolute(char path[CONFIG_PATH], jwkd_error *error)
{
    if (*path == '/') return JWKD_OK;
    char whole[CONFIG_PATH];
    CLEANUP(free_at) char *here = getcwd(NULL, 0);
    if (!here)
        return fail(error, JWKD_UNAVAILABLE, "the working directory is not known: %s", strerror(errno));
    if ((size_t)snprintf(whole, sizeof whole, "%s/%s", here, path) >= sizeof whole)
        return fail(error, JWKD_INVALID_ARGUMENT, "the socket directory's path is too long");
    memcpy(path, whole, sizeof whole);
    return JWKD_OK;
}

jwkd_status config_read(int count, char *const *arguments, struct config *out, jwkd_error *error)
{
    memset(out, 0, sizeof *out);
    out->relay = count > 1 && strcmp(arguments[1], "relay") == 0;
    default_directories(out);
    out->reserve = 4;
    out->heartbeat_ms = 250;
    out->max_lease_ms = 30 * 1000;
    out->signer_keys = 1024;
    out->secure_heap_kib = 4096;
    strcpy(out->log_level, "info");
    strcpy(out->log_format, "text");
    strcpy(out->ipc_role, "verifier");
    strcpy(out->tcp_role, "none");
    strcpy(out->insecure_tcp, "no");
    TRY(read_arguments(count, arguments, true, out, error));
    if (out->help || out->version) return JWKD_OK;
    if (*out->config_file) TRY(read_file(out->config_file, out, error));
    TRY(read_arguments(count, arguments, false, out, error));
    TRY(make_absolute(out->socket_dir, error));
    if (!*out->key_file) {
        if (strlen(out->data) + sizeof "/jwkd.key" > sizeof out->key_file)
            return fail(error, JWKD_INVALID_ARGUMENT, "the data directory's path is too long");
        strcpy(out->key_file, out->data);
        strcat(out->key_file, "/jwkd.key");
    }
    TRY(check_words(out, error));
    TRY(check_roles(out, error));
    TRY(check_tcp(out, error));
    TRY(check_upstream(out, error));
    TRY(check_lease(out, error));
    return check_transports(out, error);
}

/* "1s", "10m". */
static void print_time(char *out, size_t size, uint64_t ms)
{
    if (ms % (60 * 1000) == 0)
        snprintf(out, size, "%llum", (unsigned long long)ms / (60 * 1000));
    else
        snprintf(out, size, "%llus", (unsigned long long)ms / 1000);
}

/* What an option does, and within which bounds. */
static void describe(const struct option *option, bool relay, char *out, size_t size)
{
    char least[24] = "", most[24] = "";
    if (option->kind == OPTION_NUMBER) {
        snprintf(least, sizeof least, "%llu", (unsigned long long)option->least);
        snprintf(most, sizeof most, "%llu", (unsigned long long)option->most);
    } else if (option->kind == OPTION_DURATION) {
        print_time(least, sizeof least, option->least);
        print_time(most, sizeof most, option->most);
    }
    bool checks = relay && strcmp(option->name, "check") == 0;
    snprintf(out, size, "%s%s%s%s%s",
        checks ? "check the options, and whether the service answers, then exit" : option->help,
        *least ? "; " : "", least, *least ? " to " : "", most);
}

/* In a column of its own, broken between words. */
static void print_column(const char *text)
{
    size_t room = HELP_WIDTH - HELP_INDENT, left = room;
    while (*text) {
        size_t word = strcspn(text, " ");
        if (left < room && word + 1 > left) {
            printf("\n%*s", HELP_INDENT, "");
            left = room;
        }
        left -= (size_t)printf("%s%.*s", left < room ? " " : "", (int)word, text);
        text += word + strspn(text + word, " ");
    }
    printf("\n");
}

static void print_options(bool relay)
{
    for (size_t i = 0; i < OPTION_COUNT; i++) {
        char left[40], text[256];
        if (!is_of_program(&OPTIONS[i], relay)) continue;
        snprintf(left, sizeof left, "--%s%s%s", OPTIONS[i].name, OPTIONS[i].value ? " " : "",
            OPTIONS[i].value ? OPTIONS[i].value : "");
        describe(&OPTIONS[i], relay, text, sizeof text);
        printf("  %-*s", HELP_INDENT - 2, left);
        print_column(text);
    }
}

void config_print_help(const struct config *config)
{
    if (config->relay)
        printf("Usage: jwkd relay --upstream URL [OPTION]...\n"
               "Stands in for a service that has more verifiers than one process reaches. It\n"
               "passes events and heartbeats on, and what verifiers ask; it has no keys, and\n"
               "signs and changes nothing.\n\n"
               "  jwkd relay --upstream URL --socket-dir DIR    is all that it takes to run one\n\n");
    else
        printf("Usage: jwkd [OPTION]...\n"
               "       jwkd relay --upstream URL [OPTION]...\n"
               "Owns JWT signing keys: signs, verifies, publishes key sets and announces every\n"
               "change.\n\n"
               "  jwkd --data DIR --socket-dir DIR    is all that it takes to run one\n\n");
    print_options(config->relay);
    printf("\nSIGTERM and SIGINT end it. Exit status: 0; 1 it could not start or the check\n"
           "failed; 2 usage. Of an option that is given twice the last counts.\n"
           "See jwkd(8), jwkctl(1).\n");
}
