/* A verifier for tests/interop/python/test_world.py: interop_verifier URL ENVIRONMENT NAME. Says "ready",
 * then judges a token a line: the verdict's name. */
#include <jwkd.h>
#include <stdio.h>
#include <string.h>

static int judge_lines(jwkd_verifier *verifier)
{
    static char line[32 * 1024];
    while (fgets(line, sizeof line, stdin)) {
        puts(jwkd_verdict_name(jwkd_verify(verifier, line, strcspn(line, "\n"), NULL, NULL, NULL)));
        if (fflush(stdout) != 0) return 1;
    }
    return 0;
}

int main(int argc, char **argv)
{
    jwkd_client *client = NULL;
    jwkd_verifier *verifier = NULL;
    jwkd_error error = {0};
    if (argc != 4) return 2;
    const jwkd_client_options options = {.name = argv[3]};
    jwkd_status status = jwkd_open(argv[1], &options, &client, &error);
    if (status == JWKD_OK) status = jwkd_verifier_open(client, argv[2], NULL, &verifier, &error);
    if (status != JWKD_OK) {
        fprintf(stderr, "%s\n", error.message);
        jwkd_close(client);
        return 1;
    }
    puts("ready");
    fflush(stdout);
    int code = judge_lines(verifier);
    jwkd_verifier_close(verifier);
    jwkd_close(client);
    return code;
}
