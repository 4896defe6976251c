#include "fuzz.h"

#include "daemon/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct config config; /* its paths would make a large frame */
    memset(&config, 0, sizeof config);
    jwkd_error error = {0};
    jwkd_status status = config_parse(bytes_of(data, size), "file", &config, &error);
    MUST(status == JWKD_OK || error.message[0] != '\0');
    MUST(config.listen_count <= CONFIG_MAX_URLS && config.listen_events_count <= CONFIG_MAX_URLS);
    MUST(memchr(config.data, '\0', sizeof config.data) &&
         memchr(config.socket_dir, '\0', sizeof config.socket_dir));
    return 0;
}
