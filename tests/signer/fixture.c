#include "signer/fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static struct bytes text_to_sign(void)
{
    return bytes_of_text("eyJhbGciOiJ0ZXN0In0.e30");
}

static void key_path(const struct fixture *fixture, char out[80])
{
    snprintf(out, 80, "%s/kek", fixture->folder);
}

void fixture_open(struct fixture *fixture, size_t max_unsealed)
{
    jwkd_error error = {0};
    char path[80];
    *fixture = (struct fixture){.folder = "/tmp/jwkd-test-XXXXXX"};
    assert_non_null(mkdtemp(fixture->folder));
    key_path(fixture, path);
    assert_int_equal(seal_open(path, true, &fixture->seal, &error), JWKD_OK);
    struct signer_options options = {.seal = fixture->seal, .max_unsealed = max_unsealed};
    assert_int_equal(signer_new(&options, &fixture->signer, &error), JWKD_OK);
}

void fixture_close(struct fixture *fixture)
{
    char path[80];
    key_path(fixture, path);
    signer_free(fixture->signer);
    seal_close(fixture->seal);
    unlink(path);
    rmdir(fixture->folder);
}

void pair_clear(struct pair *pair)
{
    buffer_clear(&pair->sealed);
    jwk_unref(pair->public);
    *pair = (struct pair){0};
}

struct signer_key pair_key(const struct pair *pair)
{
    return (struct signer_key){
        .owner = pair->owner,
        .kid = jwk_kid(pair->public),
        .alg = jwk_alg(pair->public),
        .sealed = buffer_bytes(&pair->sealed),
    };
}

static struct pair pair_of(const char *owner)
{
    struct pair pair = {0};
    snprintf(pair.owner, sizeof pair.owner, "%s", owner);
    return pair;
}

struct pair fixture_generate(struct fixture *fixture, enum alg alg, const char *owner)
{
    struct pair pair = pair_of(owner);
    jwkd_error error = {0};
    const struct key_type *type;
    assert_int_equal(alg_key_type(alg, 0, &type), JWKD_OK);
    assert_int_equal(
        signer_generate(fixture->signer, type, alg, owner, NULL, &pair.sealed, &pair.public, &error),
        JWKD_OK);
    return pair;
}

struct pair fixture_import(struct fixture *fixture, const char *file, enum alg alg, const char *owner)
{
    struct pair pair = pair_of(owner);
    jwkd_error error = {0};
    CLEANUP(buffer_clear) struct buffer text = fixture_read(file);
    jwkd_status status = signer_import(
        fixture->signer, buffer_bytes(&text), alg, ALG_NONE, owner, &pair.sealed, &pair.public, &error);
    if (status != JWKD_OK) fail_msg("%s: %s", file, error.message);
    return pair;
}

void fixture_check_pair(struct fixture *fixture, const struct pair *pair)
{
    CLEANUP(buffer_clear) struct buffer signature = {0};
    struct signer_key key = pair_key(pair);
    assert_int_equal(signer_sign(fixture->signer, &key, text_to_sign(), &signature), JWKD_OK);
    assert_int_equal(jwk_verify(pair->public, text_to_sign(), buffer_bytes(&signature)), JWKD_OK);
}

bool fixture_holds(struct fixture *fixture, const struct pair *pair)
{
    CLEANUP(buffer_clear) struct buffer signature = {0};
    struct signer_key key = pair_key(pair);
    key.sealed = bytes_of_text("nothing that could be opened by any key, whatever it is bound to");
    jwkd_status status = signer_sign(fixture->signer, &key, text_to_sign(), &signature);
    if (status != JWKD_OK) assert_int_equal(status, JWKD_CORRUPT);
    return status == JWKD_OK;
}

static struct buffer read_stream(FILE *stream)
{
    struct buffer text = {0};
    char piece[1024];
    assert_non_null(stream);
    for (size_t size; (size = fread(piece, 1, sizeof piece, stream)) > 0;)
        assert_int_equal(buffer_append(&text, piece, size), JWKD_OK);
    return text;
}

struct buffer fixture_read(const char *file)
{
    char path[512];
    snprintf(path, sizeof path, "%s/data/keys/%s", TEST_SOURCE_DIR, file);
    FILE *stream = fopen(path, "r");
    struct buffer text = read_stream(stream);
    fclose(stream);
    return text;
}

struct buffer fixture_run(const char *command)
{
    FILE *stream = popen(command, "r");
    struct buffer text = read_stream(stream);
    if (pclose(stream) != 0) fail_msg("failed: %s", command);
    return text;
}
