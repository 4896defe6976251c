/* Judges tokens, and judges them again whenever the keys or their freshness change:
 * verify-and-watch URL ENVIRONMENT TOKEN...
 *
 * Prints a line for each event, "TIME EVENT REVISION" (FRESH, BEHIND and STALE say how far the keys held can
 * be relied on), and then one for each token, "TIME VERDICT KID". TIME is in seconds since 1970 with
 * microseconds. Takes further tokens from its standard input, one a line, and ends with it or on SIGTERM. */
#define _POSIX_C_SOURCE 200809L
#include <jwkd.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { MOST_TOKENS = 1024, LONGEST_TOKEN = 24 * 1024 /* that the library reads */ };

/* The library calls back on a thread of its own, so what both threads touch has a lock. */
struct program {
    pthread_mutex_t lock;
    jwkd_verifier *verifier; /* NULL until it is open */
    char *tokens[MOST_TOKENS];
    size_t count;
};

static void print_time(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    printf("%lld.%06ld ", (long long)now.tv_sec, now.tv_nsec / 1000);
}

/* The kid of a token whatever the verdict: for showing only, nothing is judged by it. */
static void print_kid(const char *token)
{
    jwkd_token *contents = jwkd_token_new();
    jwkd_bytes kid = {0};
    if (contents && jwkd_inspect(token, strlen(token), contents, NULL) == JWKD_OK)
        kid = jwkd_token_kid(contents);
    for (size_t i = 0; i < kid.size; i++) {
        char c = ((const char *)kid.data)[i];
        putchar(c > ' ' && c < 0x7f ? c : '?');
    }
    puts(kid.size ? "" : "-");
    jwkd_token_free(contents);
}

static void judge(struct program *program, const char *token)
{
    jwkd_verdict verdict = jwkd_verify(program->verifier, token, strlen(token), NULL, NULL, NULL);
    print_time();
    printf("%s ", jwkd_verdict_name(verdict));
    print_kid(token);
    fflush(stdout);
}

static void judge_all(struct program *program)
{
    for (size_t i = 0; i < program->count && program->verifier; i++)
        judge(program, program->tokens[i]);
}

static void on_event(void *context, const jwkd_event *event)
{
    struct program *program = context;
    pthread_mutex_lock(&program->lock);
    print_time();
    printf("%s %llu\n", jwkd_event_kind_name(event->kind), (unsigned long long)event->revision);
    fflush(stdout);
    judge_all(program);
    pthread_mutex_unlock(&program->lock);
}

static void add_token(struct program *program, const char *text)
{
    pthread_mutex_lock(&program->lock);
    bool full = program->count == MOST_TOKENS;
    char *token = full ? NULL : strdup(text);
    if (token) {
        program->tokens[program->count++] = token;
        judge(program, token);
    } else {
        fprintf(stderr, "verify-and-watch: a token is left out: %s\n",
            full ? "there are as many as it keeps" : "memory is short");
    }
    pthread_mutex_unlock(&program->lock);
}

/* Reads one line; of one that is too long so much that it is too long for a token. False at the end. */
static bool read_line(char line[LONGEST_TOKEN + 2])
{
    size_t size = 0;
    int c = getchar();
    if (c == EOF) return false;
    for (; c != EOF && c != '\n'; c = getchar())
        if (size <= LONGEST_TOKEN) line[size++] = (char)c;
    line[size] = '\0';
    return true;
}

static void read_tokens(struct program *program)
{
    static char line[LONGEST_TOKEN + 2];
    while (read_line(line)) {
        line[strcspn(line, "\r\n")] = '\0';
        if (*line) add_token(program, line);
    }
}

static void on_signal(int number)
{
    (void)number;
    _exit(0); /* every line is flushed, and the service needs no goodbye */
}

int main(int argc, char **argv)
{
    struct program program = {.lock = PTHREAD_MUTEX_INITIALIZER};
    if (argc < 3) {
        fprintf(stderr, "usage: verify-and-watch URL ENVIRONMENT TOKEN...\n");
        return 2;
    }
    signal(SIGTERM, on_signal);
    jwkd_client *client = NULL;
    jwkd_verifier *verifier = NULL;
    jwkd_error error;
    const jwkd_verifier_options options = {.on_event = on_event, .context = &program};
    jwkd_status status = jwkd_open(argv[1], NULL, &client, &error);
    if (status == JWKD_OK) status = jwkd_verifier_open(client, argv[2], &options, &verifier, &error);
    if (status == JWKD_OK) {
        pthread_mutex_lock(&program.lock);
        program.verifier = verifier;
        pthread_mutex_unlock(&program.lock);
        for (int i = 3; i < argc; i++)
            add_token(&program, argv[i]);
        read_tokens(&program);
    } else {
        fprintf(stderr, "verify-and-watch: %s\n", error.message);
    }
    jwkd_verifier_close(verifier);
    jwkd_close(client);
    for (size_t i = 0; i < program.count; i++)
        free(program.tokens[i]);
    return jwkd_status_exit_code(status);
}
