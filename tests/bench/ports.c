#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bench/bench.h"

static bool is_free(unsigned port)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int one = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool free = one >= 0 && bind(one, (struct sockaddr *)&address, sizeof address) == 0;
    if (one >= 0) close(one);
    return free;
}

unsigned free_ports(void)
{
    static unsigned next;
    if (!next) next = 20000 + (unsigned)getpid() % 5000 * 2;
    for (int tries = 0; tries < 500; tries++) {
        unsigned port = next;
        next = port < 32000 ? port + 2 : 20000;
        if (is_free(port) && is_free(port + 1)) return port;
    }
    return 0;
}
