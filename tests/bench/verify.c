/* Local verification through the library, one thread, every check on, against the bare operation. */
#include "bench/material.h"
#include "jose/jwk.h"

enum { TOKENS = 64 }; /* different ones, so that nothing is answered from memory */

struct subject {
    enum alg alg;
    EVP_PKEY *key;
    jwkd_verifier *verifier;
    jwkd_token *token;
    struct sample_token tokens[TOKENS];
};

static void subject_clear(struct subject *subject)
{
    for (size_t i = 0; i < TOKENS; i++)
        buffer_clear(&subject->tokens[i].text);
    jwkd_token_free(subject->token);
    jwkd_verifier_close(subject->verifier);
    EVP_PKEY_free(subject->key);
}

static jwkd_status subject_init(
    struct subject *subject, const struct bench *bench, enum alg alg, unsigned bits, jwkd_error *error)
{
    CLEANUP(jwk_unref_at) struct jwk *jwk = NULL;
    CLEANUP(buffer_clear) struct buffer set = {0};
    subject->alg = alg;
    TRY(material_key(bench, alg, bits, &subject->key, error));
    TRY(jwk_from_pkey(subject->key, alg, NULL, &jwk, error));
    TRY(buffer_append_text(&set, "{\"keys\":["));
    TRY(buffer_append_bytes(&set, jwk_json(jwk)));
    TRY(buffer_append_text(&set, "]}"));
    const jwkd_bytes document = {set.data, set.size};
    TRY(jwkd_verifier_from_jwks(document, &subject->verifier, error));
    subject->token = jwkd_token_new();
    if (!subject->token) return JWKD_NO_MEMORY;
    for (unsigned i = 0; i < TOKENS; i++)
        TRY(material_token(subject->key, alg, jwk_kid(jwk), i, &subject->tokens[i], error));
    return JWKD_OK;
}

static jwkd_status verify_bare(struct subject *subject, size_t number, jwkd_error *error)
{
    const struct sample_token *token = &subject->tokens[number % TOKENS];
    const struct bytes signature = bytes_of(token->signature, token->signature_size);
    if (bare_verify(subject->key, subject->alg, bytes_of(token->text.data, token->input_size), signature) !=
        JWKD_OK)
        return fail(error, JWKD_REFUSED, "OpenSSL refuses the signature");
    return JWKD_OK;
}

static jwkd_status verify_ours(struct subject *subject, size_t number, jwkd_error *error)
{
    static const char *const audience = BENCH_AUDIENCE;
    const jwkd_expectation expected = {.issuer = BENCH_ISSUER,
        .audiences = &audience,
        .audience_count = 1,
        .type = "at+jwt",
        .leeway_sec = 30};
    const struct buffer *text = &subject->tokens[number % TOKENS].text;
    jwkd_verdict verdict = jwkd_verify(
        subject->verifier, (const char *)text->data, text->size, &expected, subject->token, error);
    return verdict == JWKD_VERDICT_VALID ? JWKD_OK : JWKD_REFUSED;
}

static jwkd_status rate(struct subject *subject, double seconds,
    jwkd_status (*one)(struct subject *, size_t, jwkd_error *), double *out, jwkd_error *error)
{
    size_t done = 0;
    double begin = now_sec(), end;
    do {
        for (size_t i = 0; i < 16; i++)
            TRY(one(subject, done++, error));
        end = now_sec();
    } while (end - begin < seconds);
    *out = (double)done / (end - begin);
    return JWKD_OK;
}

static jwkd_status measure(
    const struct bench *bench, const char *name, enum alg alg, unsigned bits, jwkd_error *error)
{
    const size_t rounds = bench->quick ? 1 : 31;
    const double slice = bench->quick ? 0.002 : 0.04;
    CLEANUP(subject_clear) struct subject subject = {0};
    CLEANUP(samples_clear) struct samples ours = {0}, bare = {0}, ratios = {0};
    TRY(samples_new(rounds, &ours));
    TRY(samples_new(rounds, &bare));
    TRY(samples_new(rounds, &ratios));
    TRY(subject_init(&subject, bench, alg, bits, error));
    for (size_t i = 0; i < rounds; i++) {
        report_progress(name, i, rounds);
        double a, b;
        TRY(rate(&subject, slice, verify_bare, &b, error));
        TRY(rate(&subject, slice, verify_ours, &a, error));
        samples_add(&ours, a);
        samples_add(&bare, b);
        samples_add(&ratios, a / b);
    }
    const struct figure figure = {.bench = "verify",
        .name = name,
        .unit = "ops/s",
        .value = samples_quantile(&ours, 0.5),
        .floor = samples_quantile(&bare, 0.5),
        .ratio = samples_quantile(&ratios, 0.5),
        .goal = GOAL_RATIO_AT_LEAST,
        .limit = 0.95};
    report_figure(bench, &figure);
    return JWKD_OK;
}

jwkd_status bench_verify(const struct bench *bench, jwkd_error *error)
{
    static const struct {
        const char *name;
        enum alg alg;
        unsigned bits;
    } cases[] = {{"RS256-2048", ALG_RS256, 2048}, {"RS256-4096", ALG_RS256, 4096},
        {"PS256-2048", ALG_PS256, 2048}, {"ES256", ALG_ES256, 0}, {"Ed25519", ALG_ED25519, 0}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        if (bench_wants(bench, cases[i].name))
            TRY(measure(bench, cases[i].name, cases[i].alg, cases[i].bits, error));
    return JWKD_OK;
}
