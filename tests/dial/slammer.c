#include "dial/slammer.h"

#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static void must(bool holds, const char *what)
{
    if (holds) return;
    perror(what);
    abort();
}

static void *slam(void *argument)
{
    struct slammer *slammer = argument;
    struct pollfd ready = {.fd = slammer->listener, .events = POLLIN};
    while (!slammer->stop) {
        if (poll(&ready, 1, 10) <= 0) continue;
        int connection = accept(slammer->listener, NULL, NULL);
        if (connection >= 0) close(connection);
        slammer->slammed++;
    }
    return NULL;
}

void slammer_start(struct slammer *slammer, const char *url)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "%s", url + strlen("ipc://"));
    unlink(address.sun_path);
    slammer->slammed = 0;
    slammer->stop = false;
    slammer->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    must(slammer->listener >= 0, "socket");
    must(bind(slammer->listener, (struct sockaddr *)&address, sizeof address) == 0, "bind");
    must(listen(slammer->listener, 8) == 0, "listen");
    must(pthread_create(&slammer->thread, NULL, slam, slammer) == 0, "pthread_create");
}

void slammer_stop(struct slammer *slammer)
{
    slammer->stop = true;
    pthread_join(slammer->thread, NULL);
    close(slammer->listener);
}
