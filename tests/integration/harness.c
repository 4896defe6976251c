#include "integration/harness.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <nng/protocol/reqrep0/req.h>
#include <openssl/rand.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* ---- the daemon ---- */

void service_prepare(struct service *service)
{
    memset(service, 0, sizeof *service);
    strcpy(service->root, "/tmp/jwkd-test-XXXXXX"); /* short: a socket's path has 108 characters at most */
    assert_non_null(mkdtemp(service->root));
    snprintf(service->data, sizeof service->data, "%s/data", service->root);
    snprintf(service->sockets, sizeof service->sockets, "%s/run", service->root);
    snprintf(service->url, sizeof service->url, "ipc://%s/rpc.sock", service->sockets);
    snprintf(service->log, sizeof service->log, "%s/log", service->root);
}

/* Root, too, is held to its limits after the next exec(). */
static void allow_little_locked(void)
{
    const struct rlimit limit = {8 * 1024 * 1024, 8 * 1024 * 1024};
    prctl(PR_CAPBSET_DROP, CAP_IPC_LOCK, 0, 0, 0);
    prctl(PR_CAPBSET_DROP, CAP_SYS_RESOURCE, 0, 0, 0);
    if (setrlimit(RLIMIT_MEMLOCK, &limit) != 0) _exit(126);
}

static pid_t spawn(const struct service *service, const char *argument)
{
    char *arguments[16] = {(char *)(uintptr_t)TEST_BINARY_DIR "/jwkd"};
    size_t count = 1;
    const char *const daemon[] = {
        "--socket-dir", service->sockets, "--data", service->data, "--reserve", "2", NULL};
    const char *const relay[] = {
        "relay", "--socket-dir", service->sockets, "--upstream", service->upstream, NULL};
    for (const char *const *fixed = service->upstream ? relay : daemon; *fixed; fixed++)
        arguments[count++] = (char *)(uintptr_t)*fixed;
    if (*service->key_file) {
        arguments[count++] = (char *)(uintptr_t) "--key-file";
        arguments[count++] = (char *)(uintptr_t)service->key_file;
    }
    if (service->second_option) arguments[count++] = (char *)(uintptr_t)service->second_option;
    if (service->option) arguments[count++] = (char *)(uintptr_t)service->option;
    arguments[count++] = (char *)(uintptr_t)argument;
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL); /* a test that is killed leaves no daemon behind */
        const struct rlimit limit = {service->descriptors / 2, service->descriptors};
        if (service->descriptors && setrlimit(RLIMIT_NOFILE, &limit) != 0) _exit(126);
        if (service->little_locked) allow_little_locked();
        if (service->bare) {
            for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
                close(fd);
            execv(arguments[0], arguments);
            _exit(127);
        }
        int log = open(service->log, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
        if (log < 0 || dup2(log, STDOUT_FILENO) < 0 || dup2(log, STDERR_FILENO) < 0) _exit(126);
        execv(arguments[0], arguments);
        _exit(127);
    }
    return pid;
}

static int await_exit(pid_t pid)
{
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

static void show_log(const struct service *service)
{
    char line[512];
    FILE *log = fopen(service->log, "r");
    if (!log) return;
    while (fgets(line, sizeof line, log))
        print_error("jwkd: %s", line);
    fclose(log);
}

static void pause_shortly(void)
{
    nanosleep(&(struct timespec){.tv_nsec = 5 * 1000 * 1000}, NULL);
}

void service_start(struct service *service)
{
    service->pid = spawn(service, NULL);
    time_t until = time(NULL) + PATIENCE_SEC;
    for (;;) {
        jwkd_client *client;
        if (jwkd_open(service->url, NULL, &client, NULL) == JWKD_OK) {
            jwkd_close(client);
            return;
        }
        if (waitpid(service->pid, NULL, WNOHANG) != 0 || time(NULL) > until) {
            show_log(service);
            fail_msg("the daemon does not answer");
        }
        pause_shortly();
    }
}

void service_stop(struct service *service)
{
    assert_int_equal(kill(service->pid, SIGTERM), 0);
    assert_int_equal(kill(service->pid, SIGCONT), 0);
    int status = await_exit(service->pid);
    service->pid = 0;
    if (status != 0) show_log(service);
    assert_int_equal(status, 0);
}

void service_kill(struct service *service)
{
    assert_int_equal(kill(service->pid, SIGKILL), 0);
    assert_int_equal(await_exit(service->pid), -SIGKILL);
    service->pid = 0;
}

void service_pause(struct service *service)
{
    int status;
    assert_int_equal(kill(service->pid, SIGSTOP), 0);
    assert_int_equal(waitpid(service->pid, &status, WUNTRACED), service->pid);
    assert_true(WIFSTOPPED(status));
}

void service_resume(struct service *service)
{
    assert_int_equal(kill(service->pid, SIGCONT), 0);
}

int service_run(const struct service *service, const char *argument)
{
    return await_exit(spawn(service, argument));
}

unsigned service_count_said(const struct service *service, const char *text)
{
    char line[512];
    unsigned count = 0;
    FILE *log = fopen(service->log, "r");
    assert_non_null(log);
    while (fgets(line, sizeof line, log))
        count += strstr(line, text) != NULL;
    fclose(log);
    return count;
}

bool service_said(const struct service *service, const char *text)
{
    char said[8192];
    FILE *log = fopen(service->log, "r");
    if (!log) return false;
    said[fread(said, 1, sizeof said - 1, log)] = '\0';
    fclose(log);
    bool found = strstr(said, text) != NULL;
    if (!found) print_error("\"%s\" is not in what was said:\n%s", text, said);
    return found;
}

void service_remove(struct service *service)
{
    if (service->pid) service_kill(service);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        execlp("rm", "rm", "-rf", service->root, (char *)NULL);
        _exit(127);
    }
    assert_int_equal(await_exit(pid), 0);
}

int service_setup(void **state)
{
    struct service *service = calloc(1, sizeof *service);
    if (!service) return -1;
    service_prepare(service);
    service_start(service);
    *state = service;
    return 0;
}

int service_teardown(void **state)
{
    struct service *service = *state;
    if (service->pid) service_stop(service);
    service_remove(service);
    free(service);
    return 0;
}

void read_data(const char *name, struct buffer *out)
{
    char path[512];
    snprintf(path, sizeof path, "%s/data/%s", TEST_SOURCE_DIR, name);
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    assert_ok(buffer_reserve(out, 64 * 1024));
    out->size = fread(out->data, 1, out->capacity, file);
    assert_true(out->size > 0 && out->size < out->capacity);
    fclose(file);
}

/* ---- through the library ---- */

void check_status(const char *call, jwkd_status status, jwkd_status expected, const jwkd_error *error,
    const char *file, int line)
{
    if (status != expected) {
        print_error("%s is %s, not %s%s%s\n", call, jwkd_status_name(status), jwkd_status_name(expected),
            error ? ": " : "", error ? error->message : "");
        _fail(file, line);
    }
    if (error && status != JWKD_OK && !error->message[0]) {
        print_error("%s failed as expected, without a word\n", call);
        _fail(file, line);
    }
}

jwkd_client *client_open(const struct service *service)
{
    jwkd_client *client;
    const jwkd_client_options options = {.name = "test", .timeout_ms = 30000};
    jwkd_error error = {0};
    assert_status(jwkd_open(service->url, &options, &client, &error), JWKD_OK, &error);
    return client;
}

void environment_create(jwkd_client *client, const char *name)
{
    char issuer[128];
    snprintf(issuer, sizeof issuer, "https://%s.example", name);
    const jwkd_environment wanted = {.name = name, .issuer = issuer, .default_algorithm = "ES256"};
    jwkd_environment *made;
    jwkd_error error = {0};
    assert_status(jwkd_environment_create(client, &wanted, &made, &error), JWKD_OK, &error);
    assert_string_equal(made->issuer, issuer);
    jwkd_free(made);
}

char *key_generate(jwkd_client *client, const char *environment)
{
    /* At once: after a restart the service would wait for subscribers that it does not know of. */
    const jwkd_generate_options options = {.wait_ms = 30000, .now = true};
    jwkd_key_answer *answer;
    jwkd_error error = {0};
    assert_status(jwkd_generate(client, environment, &options, &answer, &error), JWKD_OK, &error);
    assert_true(answer->key.primary);
    char *kid = strdup(answer->key.kid);
    jwkd_free(answer);
    return kid;
}

char *token_sign(jwkd_client *client, const char *environment)
{
    static const char claims[] = "{\"sub\":\"alice\",\"client_id\":\"test\",\"aud\":\"api\"}";
    const jwkd_sign_item item = {.claims = {claims, sizeof claims - 1}};
    char *token;
    jwkd_error error = {0};
    assert_status(jwkd_sign(client, environment, &item, &token, &error), JWKD_OK, &error);
    return token;
}

static const char *const AUDIENCES[] = {"api"};
static const jwkd_expectation EXPECTED = {.audiences = AUDIENCES, .audience_count = 1};

jwkd_verdict token_judge(jwkd_client *client, const char *environment, const char *token)
{
    jwkd_verified *verified;
    jwkd_error error = {0};
    assert_status(
        jwkd_verify_remotely(client, environment, token, strlen(token), &EXPECTED, &verified, &error),
        JWKD_OK, &error);
    jwkd_verdict verdict = verified->verdict;
    assert_int_equal(verified->claims.size > 0, verdict == JWKD_VERDICT_VALID);
    jwkd_free(verified);
    return verdict;
}

uint64_t revision_of(jwkd_client *client, const char *environment)
{
    jwkd_key_list *keys;
    assert_ok(jwkd_get_keys(client, environment, &keys, NULL));
    uint64_t revision = keys->revision;
    jwkd_free(keys);
    return revision;
}

/* ---- a verifier whose events can be awaited ---- */

static void on_event(void *context, const jwkd_event *event)
{
    struct observer *observer = context;
    pthread_mutex_lock(&observer->lock);
    observer->seen[event->kind]++;
    if (event->revision > observer->revision) observer->revision = event->revision;
    pthread_cond_broadcast(&observer->told);
    pthread_mutex_unlock(&observer->lock);
}

void observer_open(struct observer *observer, jwkd_client *client, const char *environment)
{
    memset(observer, 0, sizeof *observer);
    pthread_mutex_init(&observer->lock, NULL);
    pthread_cond_init(&observer->told, NULL);
    const jwkd_verifier_options options = {.on_event = on_event, .context = observer};
    jwkd_error error = {0};
    assert_status(
        jwkd_verifier_open(client, environment, &options, &observer->verifier, &error), JWKD_OK, &error);
}

void observer_await(struct observer *observer, uint64_t revision)
{
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += PATIENCE_SEC;
    int result = 0;
    pthread_mutex_lock(&observer->lock);
    while (observer->revision < revision && result == 0)
        result = pthread_cond_timedwait(&observer->told, &observer->lock, &until);
    uint64_t reached = observer->revision;
    pthread_mutex_unlock(&observer->lock);
    assert_true(reached >= revision);
    assert_true(jwkd_verifier_revision(observer->verifier) >= revision);
}

void observer_await_seen(struct observer *observer, jwkd_event_kind kind)
{
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += PATIENCE_SEC;
    int result = 0;
    pthread_mutex_lock(&observer->lock);
    while (observer->seen[kind] == 0 && result == 0)
        result = pthread_cond_timedwait(&observer->told, &observer->lock, &until);
    unsigned seen = observer->seen[kind];
    pthread_mutex_unlock(&observer->lock);
    assert_true(seen > 0);
}

jwkd_verdict observer_judge(struct observer *observer, const char *token)
{
    return jwkd_verify(observer->verifier, token, strlen(token), &EXPECTED, NULL, NULL);
}

void observer_close(struct observer *observer)
{
    jwkd_verifier_close(observer->verifier);
    pthread_cond_destroy(&observer->told);
    pthread_mutex_destroy(&observer->lock);
}

/* ---- byte by byte ---- */

void raw_open(struct raw *raw, const struct service *service)
{
    assert_int_equal(nng_req0_open(&raw->socket), 0);
    assert_int_equal(nng_socket_set_ms(raw->socket, NNG_OPT_RECVTIMEO, PATIENCE_SEC * 1000), 0);
    assert_int_equal(nng_socket_set_ms(raw->socket, NNG_OPT_SENDTIMEO, PATIENCE_SEC * 1000), 0);
    assert_int_equal(nng_socket_set_size(raw->socket, NNG_OPT_RECVMAXSZ, LIMIT_REPLY), 0);
    assert_int_equal(nng_dial(raw->socket, service->url, NULL, 0), 0);
}

void raw_close(struct raw *raw)
{
    nng_close(raw->socket);
}

Jwkd__V1__Reply *raw_ask_bytes(struct raw *raw, struct bytes packed, struct arena *arena)
{
    uint8_t *received;
    size_t size;
    ProtobufCMessage *message;
    assert_int_equal(nng_send(raw->socket, (void *)(uintptr_t)packed.data, packed.size, 0), 0);
    assert_int_equal(nng_recv(raw->socket, &received, &size, NNG_FLAG_ALLOC), 0);
    assert_ok(wire_unpack(&jwkd__v1__reply__descriptor, bytes_of(received, size), arena, &message));
    nng_free(received, size);
    Jwkd__V1__Reply *reply = (Jwkd__V1__Reply *)message;
    assert_int_equal(reply->version, WIRE_VERSION);
    assert_int_equal(reply->status != JWKD__V1__STATUS__OK, reply->message[0] != '\0');
    return reply;
}

Jwkd__V1__Reply *raw_ask(struct raw *raw, const Jwkd__V1__Request *request, struct arena *arena)
{
    CLEANUP(buffer_clear) struct buffer packed = {0};
    assert_ok(wire_pack(&request->base, &packed));
    return raw_ask_bytes(raw, buffer_bytes(&packed), arena);
}

jwkd_status raw_status_of_bytes(struct raw *raw, struct bytes packed)
{
    CLEANUP(arena_clear) struct arena arena;
    return (jwkd_status)raw_ask_bytes(raw, packed, &arena)->status;
}

jwkd_status raw_status(struct raw *raw, const Jwkd__V1__Request *request)
{
    CLEANUP(arena_clear) struct arena arena;
    return (jwkd_status)raw_ask(raw, request, &arena)->status;
}

Jwkd__V1__Request raw_request(uint8_t id[16])
{
    Jwkd__V1__Request request = JWKD__V1__REQUEST__INIT;
    assert_int_equal(RAND_bytes(id, 16), 1);
    request.version = WIRE_VERSION;
    request.request_id = wire_bytes(bytes_of(id, 16));
    return request;
}
