/* jwkd: the daemon. */
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "daemon/boot.h"
#include "daemon/log.h"
#include "daemon/process.h"

enum { EXIT_OK = 0, EXIT_FAILED = 1, EXIT_USAGE = 2 };

static int check(const struct config *config)
{
    uint64_t rows = 0;
    jwkd_error error = {0};
    if (boot_check(config, &rows, &error) == JWKD_OK) {
        printf("ok: %s holds %" PRIu64 " rows, all of them sound\n", config->data, rows);
        return EXIT_OK;
    }
    fprintf(stderr, "jwkd: %s\n", error.message);
    return EXIT_FAILED;
}

static int serve(const struct config *config)
{
    struct service *service;
    jwkd_error error = {0};
    process_block_signals();
    jwkd_status status = boot_start(config, JWKD_VERSION, &service, &error);
    if (status != JWKD_OK) {
        log_error(error.message[0] ? error.message : jwkd_status_text(status), "status", jwkd_status_name(status));
        return EXIT_FAILED;
    }
    int received = process_wait();
    log_info("stopping", "signal", received == SIGTERM ? "SIGTERM" : "SIGINT");
    boot_stop(service);
    log_info("stopped");
    return EXIT_OK;
}

int main(int count, char **arguments)
{
    static struct config config; /* its paths would make a large frame */
    jwkd_error error = {0};
    process_protect();
    if (config_read(count, arguments, &config, &error) != JWKD_OK) {
        fprintf(stderr, "jwkd: %s\n", error.message);
        return EXIT_USAGE;
    }
    if (config.help) {
        config_print_help();
        return EXIT_OK;
    }
    if (config.version) {
        printf("jwkd %s\n", JWKD_VERSION);
        return EXIT_OK;
    }
    log_open(config.log_level, strcmp(config.log_format, "json") == 0);
    return config.check ? check(&config) : serve(&config);
}
