/* jwkd: the daemon. */
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "base/descriptors.h"
#include "daemon/boot.h"
#include "daemon/headroom.h"
#include "daemon/log.h"
#include "daemon/memory.h"
#include "daemon/process.h"
#include "daemon/relay_boot.h"

enum { EXIT_OK = 0, EXIT_FAILED = 1, EXIT_USAGE = 2 };

/* A wrong option, or something else. */
static int exit_code(jwkd_status status)
{
    return status == JWKD_INVALID_ARGUMENT ? EXIT_USAGE : EXIT_FAILED;
}

static int check(const struct config *config)
{
    uint64_t rows = 0;
    jwkd_error error = {0};
    if (boot_check(config, &rows, &error) == JWKD_OK) {
        printf("ok: %s holds %" PRIu64 "%s sound\n", config->data, rows,
            rows == 1 ? " row, which is" : " rows, all of them");
        return EXIT_OK;
    }
    fprintf(stderr, "jwkd: %s\n", error.message);
    return exit_code(error.status);
}

static int check_relay(const struct config *config)
{
    char version[64];
    jwkd_error error = {0};
    if (relay_boot_check(config, version, &error) == JWKD_OK) {
        printf("ok: the service at %s answers, version %s\n", config->upstream, version);
        return EXIT_OK;
    }
    fprintf(stderr, "jwkd relay: %s\n", error.message);
    return exit_code(error.status);
}

static int complain(jwkd_status status, const jwkd_error *error)
{
    log_error(
        error->message[0] ? error->message : jwkd_status_text(status), "status", jwkd_status_name(status));
    return exit_code(status);
}

static void wait_for_the_end(void)
{
    int received = process_wait();
    log_info("stopping", "signal", received == SIGTERM ? "SIGTERM" : "SIGINT");
}

static int serve(const struct config *config)
{
    struct service *service;
    jwkd_error error = {0};
    process_block_signals();
    jwkd_status status = boot_start(config, JWKD_VERSION, &service, &error);
    int code = status == JWKD_OK ? EXIT_OK : complain(status, &error);
    if (code == EXIT_OK) wait_for_the_end();
    boot_stop(service, code);
    if (code == EXIT_OK) log_info("stopped");
    return code;
}

static int serve_relay(const struct config *config)
{
    struct relay_service *service;
    jwkd_error error = {0};
    process_block_signals();
    jwkd_status status = relay_boot_start(config, &service, &error);
    int code = status == JWKD_OK ? EXIT_OK : complain(status, &error);
    if (code == EXIT_OK) wait_for_the_end();
    relay_boot_stop(service, code);
    if (code == EXIT_OK) log_info("stopped");
    return code;
}

int main(int count, char **arguments)
{
    static struct config config; /* its paths would make a large frame */
    jwkd_error error = {0};
    if (!descriptors_hold_standard()) return EXIT_FAILED;
    process_protect();
    memory_begin();
    headroom_raise();
    if (config_read(count, arguments, &config, &error) != JWKD_OK) {
        fprintf(stderr, "jwkd%s: %s\n", config.relay ? " relay" : "", error.message);
        return EXIT_USAGE;
    }
    if (config.help) {
        config_print_help(&config);
        return EXIT_OK;
    }
    if (config.version) {
        printf("jwkd %s\n", JWKD_VERSION);
        return EXIT_OK;
    }
    log_open(config.log_level, strcmp(config.log_format, "json") == 0);
    if (config.relay) return config.check ? check_relay(&config) : serve_relay(&config);
    return config.check ? check(&config) : serve(&config);
}
