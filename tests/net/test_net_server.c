/* The answering side, before real clients of nng and before others that keep to no rule. What is asked comes
 * back; a question that begins with "hold" is held until it is let go, one that begins with "many" is
 * answered with as much as one answer may be large here. */
#include "wire/cases.h"

#include <dirent.h>
#include <errno.h>
#include <netinet/in.h>
#include <nng/nng.h>
#include <nng/protocol/reqrep0/req.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/limits.h"
#include "net/endpoint.h"
#include "net/server.h"

enum { LARGEST = 1024 * 1024, MANY = 256 * 1024, PATIENCE_MS = 30000, HELD = 10000 };

struct call {
    struct net_request from;
    struct call *next_held;
};

struct scene {
    char directory[32], path[64], url[80], tcp_url[64];
    struct net_options options;
    struct net_server *server;
    pthread_mutex_t lock; /* guards the list and the last caller; read the caller once the answer is there */
    struct call *held;
    char origin[64], principal[64]; /* of the last request */
    atomic_uint refusals, held_count, asked;
};

#define AWAIT(condition)                                                \
    for (int waited_ = 0; !(condition); waited_++) {                    \
        if (waited_ == PATIENCE_MS) fail_msg("waited for " #condition); \
        usleep(1000);                                                   \
    }

static void echo(struct net_request *from, struct bytes message)
{
    struct buffer answer = {0};
    assert_int_equal(buffer_append_bytes(&answer, message), JWKD_OK);
    if (message.size >= 4 && memcmp(message.data, "many", 4) == 0) {
        assert_int_equal(buffer_reserve(&answer, MANY), JWKD_OK);
        memset(answer.data + answer.size, 'm', MANY);
        answer.size += MANY;
    }
    net_answer(from, &answer);
}

static void handle(void *context, struct net_request *from, struct bytes message)
{
    struct scene *scene = context;
    struct call *call = (struct call *)(void *)from;
    scene->asked++;
    pthread_mutex_lock(&scene->lock);
    snprintf(scene->principal, sizeof scene->principal, "%s", net_principal(from));
    snprintf(scene->origin, sizeof scene->origin, "%s", net_origin(from));
    pthread_mutex_unlock(&scene->lock);
    bool hold = message.size >= 4 && memcmp(message.data, "hold", 4) == 0;
    if (!hold || net_hold(from) != JWKD_OK) {
        if (!net_may_answer(from)) {
            atomic_fetch_add(&scene->refusals, 1);
            message = bytes_of_text("no");
        }
        echo(from, message);
        return;
    }
    pthread_mutex_lock(&scene->lock);
    call->next_held = scene->held;
    scene->held = call;
    pthread_mutex_unlock(&scene->lock);
    atomic_fetch_add(&scene->held_count, 1);
}

static void let_go(struct scene *scene)
{
    pthread_mutex_lock(&scene->lock);
    struct call *call = scene->held;
    scene->held = NULL;
    pthread_mutex_unlock(&scene->lock);
    while (call) {
        struct call *next = call->next_held;
        echo(&call->from, bytes_of_text("let go"));
        atomic_fetch_sub(&scene->held_count, 1);
        call = next;
    }
}

static int free_port(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &size), 0);
    close(fd);
    return ntohs(address.sin_port);
}

static int setup(void **state)
{
    struct scene *scene = calloc(1, sizeof *scene);
    strcpy(scene->directory, "/tmp/jwkd-net-XXXXXX");
    assert_non_null(mkdtemp(scene->directory));
    snprintf(scene->path, sizeof scene->path, "%s/s.sock", scene->directory);
    snprintf(scene->url, sizeof scene->url, "ipc://%s", scene->path);
    pthread_mutex_init(&scene->lock, NULL);
    scene->options = (struct net_options){
        .largest = LARGEST, .request_size = sizeof(struct call), .handle = handle, .context = scene};
    *state = scene;
    return 0;
}

static void start_at(struct scene *scene, const char *url)
{
    jwkd_error error = {0};
    scene->options.urls = &url;
    scene->options.url_count = 1;
    if (net_start(&scene->options, &scene->server, &error) != JWKD_OK) fail_msg("%s", error.message);
}

static void stop(struct scene *scene)
{
    net_stop(scene->server);
    let_go(scene);
    net_free(scene->server);
    scene->server = NULL;
}

static int teardown(void **state)
{
    struct scene *scene = *state;
    if (scene->server) stop(scene);
    unlink(scene->path);
    assert_int_equal(rmdir(scene->directory), 0);
    pthread_mutex_destroy(&scene->lock);
    free(scene);
    return 0;
}

static struct net_figures figures(struct scene *scene)
{
    struct net_figures figures;
    net_read_figures(scene->server, &figures);
    return figures;
}

/* ---- a client of nng */

static nng_socket dial(const char *url)
{
    nng_socket socket;
    assert_int_equal(nng_req0_open(&socket), 0);
    assert_int_equal(nng_socket_set_ms(socket, NNG_OPT_REQ_RESENDTIME, NNG_DURATION_INFINITE), 0);
    assert_int_equal(nng_socket_set_ms(socket, NNG_OPT_RECVTIMEO, PATIENCE_MS), 0);
    assert_int_equal(nng_socket_set_ms(socket, NNG_OPT_SENDTIMEO, PATIENCE_MS), 0);
    assert_int_equal(nng_dial(socket, url, NULL, 0), 0);
    return socket;
}

static void ask(nng_socket socket, struct bytes question)
{
    void *answer;
    size_t size;
    assert_int_equal(nng_send(socket, (void *)(uintptr_t)question.data, question.size, 0), 0);
    assert_int_equal(nng_recv(socket, &answer, &size, NNG_FLAG_ALLOC), 0);
    assert_true(bytes_equal(bytes_of(answer, size), question));
    nng_free(answer, size);
}

/* ---- a client without a library */

static int connect_raw(const struct scene *scene)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    const struct timeval patience = {.tv_sec = PATIENCE_MS / 1000};
    snprintf(address.sun_path, sizeof address.sun_path, "%.60s", scene->path);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_true(fd >= 0);
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience), 0);
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience), 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
    return fd;
}

static const char GREETING[8] = {0, 'S', 'P', 0, 0, 0x30, 0, 0};

static int greet(const struct scene *scene)
{
    char heard[8];
    int fd = connect_raw(scene);
    assert_int_equal(write(fd, GREETING, 8), 8);
    assert_int_equal(recv(fd, heard, 8, MSG_WAITALL), 8);
    assert_memory_equal(heard, "\0SP\0\0\x31\0\0", 8);
    return fd;
}

static void append_question(struct buffer *out, const char *text)
{
    uint8_t head[SP_HEAD];
    size_t size = sp_head(TRANSPORT_IPC, bytes_of("\x80\0\0\1", 4), strlen(text), head);
    assert_int_equal(buffer_append(out, head, size), JWKD_OK);
    assert_int_equal(buffer_append_text(out, text), JWKD_OK);
}

/* As many as the other side takes before it stops. */
static size_t write_what_is_taken(int fd, struct bytes bytes)
{
    size_t written = 0;
    struct pollfd writable = {.fd = fd, .events = POLLOUT};
    while (written < bytes.size && poll(&writable, 1, 200) == 1) {
        ssize_t taken = send(fd, bytes.data + written, bytes.size - written, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (taken <= 0) break;
        written += (size_t)taken;
    }
    return written;
}

static void read_answer(int fd, const char *text)
{
    char heard[64];
    size_t size = 1 + 8 + 4 + strlen(text);
    assert_int_equal(recv(fd, heard, size, MSG_WAITALL), (ssize_t)size);
    assert_memory_equal(heard + 13, text, strlen(text));
}

/* The other side has closed it. What comes before that is read. */
static void await_end(int fd)
{
    char room[4096];
    struct pollfd readable = {.fd = fd, .events = POLLIN};
    ssize_t size = 1;
    while (size > 0) {
        assert_int_equal(poll(&readable, 1, PATIENCE_MS), 1);
        size = recv(fd, room, sizeof room, MSG_DONTWAIT);
        if (size < 0 && errno == EAGAIN) size = 1;
    }
    close(fd);
}

static size_t count_descriptors(void)
{
    size_t count = 0;
    DIR *directory = opendir("/proc/self/fd");
    assert_non_null(directory);
    while (readdir(directory))
        count++;
    closedir(directory);
    return count;
}

static void assert_asked_last(struct scene *scene, const char *principal, const char *origin)
{
    char last_principal[64], last_origin[64];
    pthread_mutex_lock(&scene->lock); /* not held where it fails: the end needs it, too */
    memcpy(last_principal, scene->principal, sizeof last_principal);
    memcpy(last_origin, scene->origin, sizeof last_origin);
    pthread_mutex_unlock(&scene->lock);
    assert_string_equal(last_principal, principal);
    assert_string_equal(last_origin, origin);
}

/* ---- cases */

static void request__is_answered_over_ipc(void **state)
{
    struct scene *scene = *state;
    char expected[64];
    start_at(scene, scene->url);
    nng_socket socket = dial(scene->url);
    ask(socket, bytes_of_text("hello"));
    snprintf(expected, sizeof expected, "uid:%u", (unsigned)geteuid());
    assert_asked_last(scene, expected, expected);
    nng_close(socket);
    AWAIT(figures(scene).connections == 0);
}

static void request__is_answered_over_both_families_of_tcp(void **state)
{
    struct scene *scene = *state;
    static const char *const HOSTS[][2] = {{"127.0.0.1", "127.0.0.1"}, {"[::1]", "::/64"}};
    int port = free_port();
    char url[64];
    snprintf(url, sizeof url, "tcp://:%d", port);
    start_at(scene, url);
    int ipv6 = socket(AF_INET6, SOCK_STREAM, 0);
    struct sockaddr_in6 loopback = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    bool has_ipv6 = ipv6 >= 0 && bind(ipv6, (struct sockaddr *)&loopback, sizeof loopback) == 0;
    if (ipv6 >= 0) close(ipv6);
    for (size_t i = 0; i < (has_ipv6 ? 2 : 1); i++) {
        snprintf(url, sizeof url, "tcp://%s:%d", HOSTS[i][0], port);
        nng_socket socket = dial(url);
        ask(socket, bytes_of_text("hello"));
        assert_asked_last(scene, "anonymous", HOSTS[i][1]);
        nng_close(socket);
    }
}

static void request__of_any_size_comes_whole(void **state)
{
    struct scene *scene = *state;
    static const size_t SIZES[] = {1, 4095, 4096, 16 * 1024 - 21, 16 * 1024, 100000, LARGEST - 4};
    start_at(scene, scene->url);
    nng_socket socket = dial(scene->url);
    uint8_t *bytes = malloc(LARGEST);
    for (size_t i = 0; i < LARGEST; i++)
        bytes[i] = (uint8_t)(i * 7 >> 3);
    for (size_t i = 0; i < sizeof SIZES / sizeof *SIZES; i++)
        ask(socket, bytes_of(bytes, SIZES[i]));
    free(bytes);
    nng_close(socket);
    AWAIT(figures(scene).incoming == 0 && figures(scene).outgoing == 0);
}

static void request__may_come_byte_by_byte(void **state)
{
    struct scene *scene = *state;
    CLEANUP(buffer_clear) struct buffer question = {0};
    start_at(scene, scene->url);
    int fd = connect_raw(scene);
    append_question(&question, "slowly");
    for (size_t i = 0; i < sizeof GREETING; i++) {
        assert_int_equal(write(fd, GREETING + i, 1), 1);
        if (i == 0) AWAIT(figures(scene).incoming > 0);
    }
    char heard[8];
    assert_int_equal(recv(fd, heard, 8, MSG_WAITALL), 8);
    for (int times = 0; times < 2; times++) {
        for (size_t i = 0; i < question.size; i++) {
            assert_int_equal(write(fd, question.data + i, 1), 1);
            if (i == 0) AWAIT(figures(scene).incoming > 0);
        }
        read_answer(fd, "slowly");
    }
    close(fd);
}

static void stranger__is_sent_away(void **state)
{
    static const char *const SAYS[] = {"GET / HTTP/1.1\r\n\r\n", "\1\2\3\4\5\6\7\10", NULL};
    struct scene *scene = *state;
    start_at(scene, scene->url);
    for (size_t i = 0; SAYS[i]; i++) {
        int fd = connect_raw(scene);
        assert_true(write(fd, SAYS[i], strlen(SAYS[i])) > 0);
        await_end(fd);
    }
    int fd = greet(scene);
    assert_int_equal(write(fd, "\1\0\0\0\0\0\20\0\1", 9), 9); /* one more than the largest */
    await_end(fd);
    fd = greet(scene);
    assert_int_equal(write(fd, "\1\0\0\0\0\0\0\0\3abc", 12), 12);
    await_end(fd);
    AWAIT(figures(scene).connections == 0);
}

/* Its further questions wait in its own buffers. */
static void asker__that_does_not_read_stops_itself_alone(void **state)
{
    struct scene *scene = *state;
    CLEANUP(buffer_clear) struct buffer questions = {0};
    int hostile[8];
    scene->options.unread_ms = 1000000;
    start_at(scene, scene->url);
    nng_socket socket = dial(scene->url);
    for (int i = 0; i < 100 * 1000; i++)
        append_question(&questions, "a question that is asked again and again, and whose answer is not read");
    for (size_t i = 0; i < 8; i++) {
        hostile[i] = greet(scene);
        assert_true(write_what_is_taken(hostile[i], buffer_bytes(&questions)) < questions.size);
    }
    for (int i = 0; i < 1000; i++)
        ask(socket, bytes_of_text("and I?"));
    assert_true(figures(scene).outgoing > 0);
    assert_true(figures(scene).outgoing < 8 * 2 * LIMIT_UNREAD);
    assert_int_equal(figures(scene).working, 0);
    for (size_t i = 0; i < 8; i++)
        close(hostile[i]);
    AWAIT(figures(scene).connections == 1 && figures(scene).outgoing == 0 && figures(scene).incoming == 0);
    nng_close(socket);
}

/* Over tcp the system itself would buffer some hundred KiB of answers, all of them made in vain. */
static void asker__that_does_not_read_over_tcp_is_soon_stopped(void **state)
{
    enum { SYSTEM_TAKES = 64 * 1024 };
    static const char question[] = "a question that is asked again and again, and whose answer is not read";
    struct scene *scene = *state;
    CLEANUP(buffer_clear) struct buffer questions = {0};
    const int small = 4096, port = free_port();
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK), .sin_port = htons((uint16_t)port)};
    snprintf(scene->tcp_url, sizeof scene->tcp_url, "tcp://127.0.0.1:%d", port);
    start_at(scene, scene->tcp_url);
    for (int i = 0; i < 100 * 1000; i++) {
        uint8_t head[SP_HEAD];
        size_t size = sp_head(TRANSPORT_TCP, bytes_of("\x80\0\0\1", 4), strlen(question), head);
        assert_int_equal(buffer_append(&questions, head, size), JWKD_OK);
        assert_int_equal(buffer_append_text(&questions, question), JWKD_OK);
    }
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof small), 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(write(fd, GREETING, 8), 8);
    assert_true(write_what_is_taken(fd, buffer_bytes(&questions)) < questions.size);
    AWAIT(figures(scene).outgoing > LIMIT_UNREAD && figures(scene).working == 0);
    assert_true(scene->asked < (SYSTEM_TAKES + 2 * LIMIT_UNREAD) / sizeof question);
    close(fd);
}

/* It has its answers when it reads after all. */
static void asker__that_reads_late_misses_nothing(void **state)
{
    enum { QUESTIONS = 20 * 1000 };
    struct scene *scene = *state;
    CLEANUP(buffer_clear) struct buffer questions = {0};
    start_at(scene, scene->url);
    for (int i = 0; i < QUESTIONS; i++)
        append_question(&questions, "a question that is asked again and again");
    int fd = greet(scene);
    size_t written = write_what_is_taken(fd, buffer_bytes(&questions));
    assert_true(written < questions.size);
    for (int i = 0; i < QUESTIONS; i++) {
        read_answer(fd, "a question that is asked again and again");
        struct bytes rest = bytes_of(questions.data + written, questions.size - written);
        ssize_t more = send(fd, rest.data, rest.size, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (more > 0) written += (size_t)more;
    }
    close(fd);
}

static void asker__that_never_reads_is_sent_away(void **state)
{
    struct scene *scene = *state;
    CLEANUP(buffer_clear) struct buffer questions = {0};
    scene->options.unread_ms = 100;
    start_at(scene, scene->url);
    for (int i = 0; i < 100; i++)
        append_question(&questions, "many");
    int fd = greet(scene);
    write_what_is_taken(fd, buffer_bytes(&questions));
    AWAIT(figures(scene).connections == 0);
    assert_int_equal(figures(scene).outgoing, 0);
    close(fd);
}

/* Rounds of connections that ask and are closed unread: each leaves nothing behind. */
static void asker__that_goes_unread_leaves_nothing(void **state)
{
    struct scene *scene = *state;
    CLEANUP(buffer_clear) struct buffer questions = {0};
    start_at(scene, scene->url);
    nng_socket socket = dial(scene->url);
    ask(socket, bytes_of_text("before"));
    size_t before = count_descriptors();
    for (int i = 0; i < 600; i++)
        append_question(&questions, "many of these, and nothing is read");
    for (int round = 0; round < 10; round++) {
        int hostile[16];
        for (size_t i = 0; i < 16; i++) {
            hostile[i] = greet(scene);
            write_what_is_taken(hostile[i], bytes_of(questions.data, questions.size / 4));
        }
        for (size_t i = 0; i < 16; i++)
            close(hostile[i]);
        ask(socket, bytes_of_text("between"));
    }
    AWAIT(figures(scene).connections == 1);
    assert_int_equal(count_descriptors(), before);
    assert_int_equal(figures(scene).outgoing, 0);
    assert_int_equal(figures(scene).incoming, 0);
    nng_close(socket);
}

/* For a caller that leaves too much unread, the server makes no further large answers. */
static void caller__that_leaves_much_unread_is_told(void **state)
{
    struct scene *scene = *state;
    int hostile[40];
    CLEANUP(buffer_clear) struct buffer question = {0};
    scene->options.capacities[SHARE_OUTGOING] = 1024 * 1024;
    start_at(scene, scene->url);
    append_question(&question, "many");
    for (size_t i = 0; i < 40; i++) {
        hostile[i] = greet(scene);
        write_what_is_taken(hostile[i], buffer_bytes(&question));
    }
    AWAIT(scene->refusals > 0);
    assert_true(figures(scene).outgoing < 1024 * 1024 + MANY);
    for (size_t i = 0; i < 40; i++)
        close(hostile[i]);
}

static void announcement__costs_what_was_sent(void **state)
{
    enum { CONNECTIONS = 200 };
    struct scene *scene = *state;
    int hostile[CONNECTIONS];
    scene->options.silence_ms = 300;
    start_at(scene, scene->url);
    for (size_t i = 0; i < CONNECTIONS; i++) {
        hostile[i] = greet(scene);
        assert_int_equal(write(hostile[i], "\1\0\0\0\0\0\17\377\377", 9), 9); /* a mebibyte */
    }
    AWAIT(figures(scene).incoming > 0);
    assert_true(figures(scene).incoming <= CONNECTIONS * 4096);
    for (size_t i = 0; i < CONNECTIONS; i++)
        await_end(hostile[i]);
    AWAIT(figures(scene).incoming == 0 && figures(scene).connections == 0);
}

static void announcement__takes_no_memory_ahead(void **state)
{
    enum { CONNECTIONS = 4, ANNOUNCED = 1024 * 1024 };
    struct scene *scene = *state;
    int hostile[CONNECTIONS];
    scene->options.silence_ms = 1000000;
    start_at(scene, scene->url);
    for (size_t i = 0; i < CONNECTIONS; i++) {
        size_t before = figures(scene).incoming;
        hostile[i] = greet(scene);
        assert_int_equal(write(hostile[i], "\1\0\0\0\0\0\17\377\377", 9), 9);
        AWAIT(figures(scene).incoming > before); /* or what follows could come with it */
    }
    for (size_t i = 0; i < CONNECTIONS; i++)
        assert_int_equal(write(hostile[i], "\x80\0\0\1", 4), 4); /* there is more: room is made */
    AWAIT(figures(scene).incoming >= CONNECTIONS * 4096);
    assert_true(figures(scene).incoming < ANNOUNCED);
    for (size_t i = 0; i < CONNECTIONS; i++)
        close(hostile[i]);
    AWAIT(figures(scene).incoming == 0);
}

/* Callers share the memory for incomplete messages, and each has a part of it. */
static void memory__for_what_comes_is_bounded(void **state)
{
    struct scene *scene = *state;
    int hostile[16];
    CLEANUP(buffer_clear) struct buffer part = {0};
    scene->options.capacities[SHARE_INCOMING] = 4 * 1024 * 1024;
    scene->options.silence_ms = 1000000;
    start_at(scene, scene->url);
    assert_int_equal(buffer_append(&part, "\1\0\0\0\0\0\17\377\377\x80\0\0\1", 13), JWKD_OK);
    assert_int_equal(buffer_reserve(&part, 900 * 1024), JWKD_OK);
    memset(part.data + part.size, 'x', 900 * 1024);
    part.size += 900 * 1024;
    for (size_t i = 0; i < 16; i++) {
        hostile[i] = greet(scene);
        write_what_is_taken(hostile[i], buffer_bytes(&part));
    }
    assert_true(figures(scene).incoming > 1024 * 1024);
    assert_true(figures(scene).incoming < 4 * 1024 * 1024);
    nng_socket socket = dial(scene->url);
    ask(socket, bytes_of_text("small ones need none"));
    for (size_t i = 0; i < 16; i++)
        close(hostile[i]);
    AWAIT(figures(scene).incoming == 0);
    nng_close(socket);
}

static void append_large(struct buffer *out, const char *text, size_t size)
{
    uint8_t head[SP_HEAD];
    size_t head_size = sp_head(TRANSPORT_IPC, bytes_of("\x80\0\0\1", 4), size, head);
    assert_int_equal(buffer_append(out, head, head_size), JWKD_OK);
    assert_int_equal(buffer_reserve(out, size), JWKD_OK);
    memset(out->data + out->size, 'x', size);
    memcpy(out->data + out->size, text, strlen(text));
    out->size += size;
}

/* More are in the middle of a message than there is memory for: none waits for the others for ever. */
static void memory__is_enough_for_one_after_the_other(void **state)
{
    enum { CONNECTIONS = 16 };
    struct scene *scene = *state;
    int fds[CONNECTIONS];
    size_t written[CONNECTIONS] = {0};
    CLEANUP(buffer_clear) struct buffer question = {0};
    scene->options.capacities[SHARE_INCOMING] = 4 * 1024 * 1024;
    start_at(scene, scene->url);
    append_large(&question, "hold", 900 * 1024);
    for (size_t i = 0; i < CONNECTIONS; i++)
        fds[i] = greet(scene);
    for (int waited = 0; scene->held_count < CONNECTIONS; waited++) {
        if (waited == PATIENCE_MS) fail_msg("%u of %d came", scene->held_count, CONNECTIONS);
        for (size_t i = 0; i < CONNECTIONS; i++) {
            size_t left = question.size - written[i];
            ssize_t taken =
                send(fds[i], question.data + written[i], left < 20000 ? left : 20000, MSG_DONTWAIT);
            if (taken > 0) written[i] += (size_t)taken;
        }
        usleep(1000);
    }
    assert_int_equal(figures(scene).incoming, 0);
    let_go(scene);
    for (size_t i = 0; i < CONNECTIONS; i++)
        close(fds[i]);
}

/* A caller's questions may take so much memory until they are answered. Questions beyond that wait, and are
 * answered later. */
static void memory__for_what_is_asked_is_bounded(void **state)
{
    enum { QUESTIONS = 10 };
    struct scene *scene = *state;
    CLEANUP(buffer_clear) struct buffer questions = {0};
    scene->options.capacities[SHARE_ASKED] = 128 * 1024;
    start_at(scene, scene->url);
    nng_socket socket = dial(scene->url);
    for (int i = 0; i < QUESTIONS; i++)
        append_large(&questions, "hold", 20 * 1024);
    int fd = greet(scene);
    size_t written = 0, answered = 0;
    while (answered < QUESTIONS) {
        size_t expected = QUESTIONS - answered < 3 ? QUESTIONS - answered : 3;
        written += write_what_is_taken(fd, bytes_of(questions.data + written, questions.size - written));
        AWAIT(scene->held_count >= expected);
        for (int i = 0; i < 100; i++)
            ask(socket, bytes_of_text("small ones need none"));
        assert_int_equal(scene->held_count, expected);
        let_go(scene);
        for (size_t i = 0; i < expected; i++, answered++)
            read_answer(fd, "let go");
    }
    close(fd);
    nng_close(socket);
}

static void greeting__has_one_time(void **state)
{
    struct scene *scene = *state;
    scene->options.greeting_ms = 600;
    start_at(scene, scene->url);
    int fd = connect_raw(scene);
    for (size_t i = 0; i < sizeof GREETING - 1; i++) {
        send(fd, GREETING + i, 1, MSG_NOSIGNAL);
        usleep(200 * 1000);
    }
    assert_int_equal(send(fd, "", 1, MSG_NOSIGNAL), -1);
    close(fd);
}

/* The time limit is for a single message, not for many that follow one another. */
static void stream__of_messages_goes_on(void **state)
{
    struct scene *scene = *state;
    CLEANUP(buffer_clear) struct buffer question = {0};
    scene->options.message_ms = 1500;
    start_at(scene, scene->url);
    append_question(&question, "again");
    append_question(&question, "again");
    const size_t size = question.size / 2, half = size / 2;
    int fd = greet(scene);
    assert_int_equal(write(fd, question.data, half), half);
    for (int i = 0; i < 100; i++) {
        usleep(25 * 1000);
        assert_int_equal(send(fd, question.data + half, size, MSG_NOSIGNAL), size); /* and half of the next */
        read_answer(fd, "again");
    }
    close(fd);
}

/* It reads its answers, though so little in that time that the system does not report it. */
static void asker__that_reads_slowly_is_waited_for(void **state)
{
    struct scene *scene = *state;
    CLEANUP(buffer_clear) struct buffer questions = {0};
    scene->options.unread_ms = 1500;
    start_at(scene, scene->url);
    for (int i = 0; i < 20 * 1000; i++)
        append_question(&questions, "a question that is asked again and again");
    int fd = greet(scene);
    assert_true(write_what_is_taken(fd, buffer_bytes(&questions)) < questions.size);
    for (int i = 0; i < 200; i++) {
        read_answer(fd, "a question that is asked again and again");
        usleep(15 * 1000);
    }
    assert_int_equal(figures(scene).connections, 1);
    close(fd);
}

static void connection__that_says_nothing_is_ended(void **state)
{
    struct scene *scene = *state;
    scene->options.greeting_ms = 100;
    start_at(scene, scene->url);
    int fd = connect_raw(scene);
    await_end(fd);
    fd = greet(scene);
    nng_socket socket = dial(scene->url);
    int silent = connect_raw(scene);
    await_end(silent); /* and those that have greeted stay */
    AWAIT(figures(scene).connections == 2);
    ask(socket, bytes_of_text("hello"));
    close(fd);
    nng_close(socket);
}

static void connections__are_shared(void **state)
{
    struct scene *scene = *state;
    int fds[8];
    scene->options.capacities[SHARE_CONNECTIONS] = 8;
    start_at(scene, scene->url);
    for (size_t i = 0; i < 4; i++)
        fds[i] = greet(scene);
    await_end(connect_raw(scene));
    AWAIT(figures(scene).refused == 1);
    close(fds[0]);
    AWAIT(figures(scene).connections == 3);
    fds[0] = greet(scene);
    for (size_t i = 0; i < 4; i++)
        close(fds[i]);
}

static void held__requests_cost_no_other_its_answer(void **state)
{
    enum { CONNECTIONS = 100 };
    struct scene *scene = *state;
    int fds[CONNECTIONS];
    CLEANUP(buffer_clear) struct buffer questions = {0};
    start_at(scene, scene->url);
    for (int i = 0; i < HELD / CONNECTIONS; i++)
        append_question(&questions, "hold this");
    append_question(&questions, "and answer this");
    for (size_t i = 0; i < CONNECTIONS; i++) {
        fds[i] = greet(scene);
        assert_int_equal(write_what_is_taken(fds[i], buffer_bytes(&questions)), questions.size);
        read_answer(fds[i], "and answer this");
    }
    AWAIT(scene->held_count == HELD);
    nng_socket socket = dial(scene->url);
    for (int i = 0; i < 100; i++)
        ask(socket, bytes_of_text("and I?"));
    let_go(scene);
    for (size_t i = 0; i < CONNECTIONS; i++) {
        for (int k = 0; k < HELD / CONNECTIONS; k++)
            read_answer(fds[i], "let go");
        close(fds[i]);
    }
    assert_int_equal(figures(scene).held, 0);
    nng_close(socket);
}

static void held__requests_are_bounded(void **state)
{
    struct scene *scene = *state;
    CLEANUP(buffer_clear) struct buffer questions = {0};
    scene->options.capacities[SHARE_HELD] = 20;
    start_at(scene, scene->url);
    for (int i = 0; i < 11; i++)
        append_question(&questions, "hold this");
    int fd = greet(scene);
    write_what_is_taken(fd, buffer_bytes(&questions));
    read_answer(fd, "hold this"); /* the eleventh, answered at once */
    AWAIT(scene->held_count == 10);
    close(fd); /* they outlive their connection */
    AWAIT(figures(scene).connections == 0);
    let_go(scene);
    assert_int_equal(figures(scene).held, 0);
}

static void drain__answers_what_was_read(void **state)
{
    struct scene *scene = *state;
    CLEANUP(buffer_clear) struct buffer questions = {0};
    start_at(scene, scene->url);
    append_question(&questions, "many");
    int fd = greet(scene);
    write_what_is_taken(fd, buffer_bytes(&questions));
    AWAIT(figures(scene).outgoing > 0);
    assert_int_equal(net_drain(scene->server, 50), 1); /* it reads nothing yet */
    assert_int_equal(access(scene->path, F_OK), -1);
    char *room = malloc(MANY + 17);
    assert_int_equal(recv(fd, room, MANY + 17, MSG_WAITALL), MANY + 17);
    free(room);
    assert_int_equal(net_drain(scene->server, PATIENCE_MS), 0);
    net_stop(scene->server);
    close(fd);
}

struct late_reader {
    const struct scene *scene;
    int fd;
    ssize_t size;
};

/* Reads only once the server lets no more connections in. */
static void *read_late(void *argument)
{
    struct late_reader *reader = argument;
    char *room = malloc(MANY + 17);
    for (int waited = 0; waited < PATIENCE_MS && access(reader->scene->path, F_OK) == 0; waited++)
        usleep(1000);
    if (room) reader->size = recv(reader->fd, room, MANY + 17, MSG_WAITALL);
    free(room);
    return NULL;
}

static void drain__waits_for_who_reads(void **state)
{
    struct scene *scene = *state;
    CLEANUP(buffer_clear) struct buffer questions = {0};
    pthread_t thread;
    start_at(scene, scene->url);
    append_question(&questions, "many");
    struct late_reader reader = {.scene = scene, .fd = greet(scene)};
    write_what_is_taken(reader.fd, buffer_bytes(&questions));
    AWAIT(figures(scene).outgoing > 0);
    assert_int_equal(pthread_create(&thread, NULL, read_late, &reader), 0);
    size_t left = net_drain(scene->server, PATIENCE_MS);
    pthread_join(thread, NULL);
    assert_int_equal(left, 0);
    assert_int_equal(reader.size, MANY + 17);
    close(reader.fd);
}

/* ---- where it listens */

static void endpoint__is_for_owner_and_group(void **state)
{
    struct scene *scene = *state;
    struct stat about;
    start_at(scene, scene->url);
    assert_int_equal(stat(scene->path, &about), 0);
    assert_int_equal(about.st_mode & 07777, 0660);
}

static void endpoint__replaces_only_a_socket_that_nobody_serves(void **state)
{
    struct scene *scene = *state;
    struct endpoint first, second;
    size_t count;
    jwkd_error error = {0};
    FILE *file = fopen(scene->path, "w");
    assert_non_null(file);
    fclose(file);
    assert_int_equal(endpoint_open(scene->url, &first, &count, &error), JWKD_UNAVAILABLE);
    assert_non_null(strstr(error.message, "no socket"));
    assert_int_equal(unlink(scene->path), 0);

    assert_int_equal(endpoint_open(scene->url, &first, &count, &error), JWKD_OK);
    assert_int_equal(endpoint_open(scene->url, &second, &count, &error), JWKD_UNAVAILABLE);
    assert_non_null(strstr(error.message, "another program"));
    close(first.fd); /* as a crash does */
    assert_int_equal(access(scene->path, F_OK), 0);
    assert_int_equal(endpoint_open(scene->url, &second, &count, &error), JWKD_OK);
    first.fd = dup(second.fd);
    first.inode = second.inode + 1; /* another's by now */
    endpoint_close(&first);
    assert_int_equal(access(scene->path, F_OK), 0);
    endpoint_close(&second);
    assert_int_equal(access(scene->path, F_OK), -1);
}

static void endpoint__that_is_tried_leaves_nothing(void **state)
{
    struct scene *scene = *state;
    jwkd_error error = {0};
    assert_int_equal(endpoint_try(scene->url, &error), JWKD_OK);
    assert_int_equal(access(scene->path, F_OK), -1);
    assert_int_equal(endpoint_try("tcp://127.0.0.1:0", &error), JWKD_OK);
    start_at(scene, scene->url);
    assert_int_equal(endpoint_try(scene->url, &error), JWKD_UNAVAILABLE);
    assert_non_null(strstr(error.message, "another program"));
    assert_int_equal(access(scene->path, F_OK), 0);
}

static void endpoint__says_where_it_cannot(void **state)
{
    static const char *const URLS[] = {
        "ipc:///nowhere/s.sock", "tcp://127.0.0.1", "tcp://no.such.host.invalid:7", "ws://h:1", NULL};
    struct endpoint endpoints[ENDPOINT_ADDRESSES];
    (void)state;
    for (size_t i = 0; URLS[i]; i++) {
        size_t count;
        jwkd_error error = {0};
        assert_int_not_equal(endpoint_open(URLS[i], endpoints, &count, &error), JWKD_OK);
        assert_non_null(strstr(error.message, strstr(URLS[i], "://") + 3));
    }
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        CASE(request__is_answered_over_ipc),
        CASE(request__is_answered_over_both_families_of_tcp),
        CASE(request__of_any_size_comes_whole),
        CASE(request__may_come_byte_by_byte),
        CASE(stranger__is_sent_away),
        CASE(asker__that_does_not_read_stops_itself_alone),
        CASE(asker__that_does_not_read_over_tcp_is_soon_stopped),
        CASE(asker__that_reads_late_misses_nothing),
        CASE(asker__that_never_reads_is_sent_away),
        CASE(asker__that_goes_unread_leaves_nothing),
        CASE(caller__that_leaves_much_unread_is_told),
        CASE(announcement__costs_what_was_sent),
        CASE(announcement__takes_no_memory_ahead),
        CASE(memory__for_what_comes_is_bounded),
        CASE(memory__is_enough_for_one_after_the_other),
        CASE(memory__for_what_is_asked_is_bounded),
        CASE(greeting__has_one_time),
        CASE(stream__of_messages_goes_on),
        CASE(asker__that_reads_slowly_is_waited_for),
        CASE(connection__that_says_nothing_is_ended),
        CASE(connections__are_shared),
        CASE(held__requests_cost_no_other_its_answer),
        CASE(held__requests_are_bounded),
        CASE(drain__answers_what_was_read),
        CASE(drain__waits_for_who_reads),
        CASE(endpoint__is_for_owner_and_group),
        CASE(endpoint__replaces_only_a_socket_that_nobody_serves),
        CASE(endpoint__that_is_tried_leaves_nothing),
        CASE(endpoint__says_where_it_cannot),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
