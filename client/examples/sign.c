/* Prints one access token: sign URL ENVIRONMENT SUBJECT */
#include <jwkd.h>
#include <stdio.h>
#include <string.h>

/* {"sub":"..."}; false where the subject would need escaping or is too long. */
static bool write_claims(char *out, size_t size, const char *subject)
{
    if (strpbrk(subject, "\"\\\n\t\r")) return false;
    int length = snprintf(out, size, "{\"sub\":\"%s\"}", subject);
    return length > 0 && (size_t)length < size;
}

int main(int argc, char **argv)
{
    char claims[512];
    if (argc != 4 || !write_claims(claims, sizeof claims, argv[3])) {
        fprintf(stderr, "usage: sign URL ENVIRONMENT SUBJECT\n");
        return 2;
    }
    jwkd_client *client = NULL;
    jwkd_error error;
    jwkd_status status = jwkd_open(argv[1], NULL, &client, &error);
    if (status == JWKD_OK) {
        char *token = NULL;
        const jwkd_sign_item item = {.claims = {.data = claims, .size = strlen(claims)}};
        status = jwkd_sign(client, argv[2], &item, &token, &error);
        if (status == JWKD_OK) puts(token);
        jwkd_free(token);
    }
    jwkd_close(client);
    if (status != JWKD_OK) fprintf(stderr, "sign: %s\n", error.message);
    return jwkd_status_exit_code(status);
}
