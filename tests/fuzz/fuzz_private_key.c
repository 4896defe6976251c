#include "fuzz.h"

#include <unistd.h>

#include "signer/signer.h"

static struct signer *signer;

static void make_signer(void)
{
    char folder[] = "/tmp/jwkd-fuzz-XXXXXX", path[64];
    struct seal *seal;
    MUST(mkdtemp(folder) != NULL);
    snprintf(path, sizeof path, "%s/kek", folder);
    MUST(seal_open(path, true, &seal, NULL) == JWKD_OK);
    unlink(path);
    rmdir(folder);
    MUST(signer_new(&(struct signer_options){.seal = seal, .max_unsealed = 4}, &signer, NULL) == JWKD_OK);
}

/* What was taken signs, and its public part verifies that. */
static void use(const struct jwk *public, struct bytes sealed)
{
    struct signer_key key = {
        .owner = "fuzz", .kid = jwk_kid(public), .alg = jwk_alg(public), .sealed = sealed};
    struct buffer signature = {0};
    MUST(signer_sign(signer, &key, sealed, &signature) == JWKD_OK);
    MUST(jwk_verify(public, sealed, buffer_bytes(&signature)) == JWKD_OK);
    signer_forget(signer, "fuzz", jwk_kid(public));
    buffer_clear(&signature);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct buffer sealed = {0};
    struct jwk *public = NULL;
    jwkd_error error = {0};
    if (!signer) make_signer();
    if (signer_import(signer, bytes_of(data, size), ALG_NONE, ALG_PS256, "fuzz", &sealed, &public, &error) !=
        JWKD_OK) {
        MUST(public == NULL && sealed.size == 0 && error.message[0]);
        return 0;
    }
    use(public, buffer_bytes(&sealed));
    jwk_unref(public);
    buffer_clear(&sealed);
    return 0;
}
