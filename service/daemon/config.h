/* The daemon's configuration: a file, then the command line over it. Both know the same names. */
#ifndef DAEMON_CONFIG_H
#define DAEMON_CONFIG_H

#include "base/bytes.h"
#include "base/limits.h"

enum { CONFIG_MAX_URLS = 8, CONFIG_PATH = 4096 };

struct config {
    char data[CONFIG_PATH];
    char socket_dir[CONFIG_PATH];
    char key_file[CONFIG_PATH];    /* "": DATA/jwkd.key */
    char config_file[CONFIG_PATH]; /* "": none */
    char listen[CONFIG_MAX_URLS][256];
    size_t listen_count;
    char listen_events[CONFIG_MAX_URLS][256];
    size_t listen_events_count;
    uint64_t workers, queue, reserve, heartbeat_ms, max_lease_ms, signer_keys, secure_heap_kib, map_size_mib;
    char log_level[16], log_format[16];
    char ipc_role[16], tcp_role[16], insecure_tcp[16]; /* checked: of roles, and "yes" or "no" */
    char admin[LIMIT_PRINCIPAL + 1];                   /* "": nobody is made one */
    bool relay;                                        /* "jwkd relay": the options are a relay's */
    char upstream[256];
    bool check, help, version, new_epoch, accept_clock;
};

/* Sets the defaults, reads --config FILE if it is given, then the command line. A first argument "relay"
 * chooses the program. INVALID_ARGUMENT names the option, or file and line. */
jwkd_status config_read(int count, char *const *arguments, struct config *out, jwkd_error *error) MUST_CHECK;
/* Reads the text of a configuration file ("name = value" lines, # comments) into `config`; `file` is for
 * messages. */
jwkd_status config_parse(
    struct bytes text, const char *file, struct config *config, jwkd_error *error) MUST_CHECK;
/* Prints the options, for --help. */
void config_print_help(const struct config *config);

#endif
