/* How private keys come in: made here, brought by somebody, or taken over from another owner. */
#include "signer/generate.h"
#include "signer/import.h"
#include "signer/material.h"
#include "signer/signer_internal.h"

/* What a failed attempt says to the caller: its own message, or the status's general one. */
static jwkd_status explain(jwkd_status status, const jwkd_error *detail, jwkd_error *error)
{
    if (status == JWKD_OK) return status;
    bool told = detail->status == status && detail->message[0];
    return fail(error, status, "%s", told ? detail->message : jwkd_status_text(status));
}

/* A signature by what is about to be sealed must verify with what is about to be published. */
static jwkd_status prove(struct bytes material, const struct binding *name, const struct jwk *public)
{
    static const char PROBE[] = "do these two belong together?";
    struct bytes probe = bytes_of_text(PROBE);
    CLEANUP(unsealed_unref_at) struct unsealed *unsealed = NULL;
    CLEANUP(buffer_clear) struct buffer signature = {0};
    TRY(unsealed_new(material, jwk_alg(public), name, &unsealed));
    TRY(unsealed_sign(unsealed, probe, &signature));
    return jwk_verify(public, probe, buffer_bytes(&signature));
}

static jwkd_status seal_pair(struct signer *signer, struct bytes material, const struct jwk *public,
    const char *owner, struct buffer *out_sealed, jwkd_error *error)
{
    struct binding name;
    if (binding_make(owner, jwk_kid(public), &name) != JWKD_OK)
        return fail(error, JWKD_INVALID_ARGUMENT, "a key cannot be bound to this owner");
    jwkd_status status = prove(material, &name, public);
    if (status == JWKD_REFUSED)
        return fail(error, JWKD_INVALID_ARGUMENT, "the private and the public part do not belong together");
    TRY(status);
    return seal_wrap(signer->seal, material, binding_bytes(&name), out_sealed);
}

static jwkd_status try_generate(struct signer *signer, const struct key_type *type, enum alg alg,
    const char *owner, const _Atomic bool *stop, struct buffer *out_sealed, struct jwk **out_public,
    jwkd_error *error)
{
    CLEANUP(EVP_PKEY_free_at) EVP_PKEY *pkey = NULL;
    CLEANUP(jwk_unref_at) struct jwk *public = NULL;
    CLEANUP(secret_clear) struct secret material = {0};
    TRY(generate_pkey(type, stop, &pkey));
    TRY(jwk_from_pkey(pkey, alg, NULL, &public, error));
    TRY(material_write(pkey, &material, error));
    TRY(seal_pair(signer, secret_bytes(&material), public, owner, out_sealed, error));
    *out_public = TAKE(public);
    return JWKD_OK;
}

jwkd_status signer_generate(struct signer *signer, const struct key_type *type, enum alg alg,
    const char *owner, const _Atomic bool *stop, struct buffer *out_sealed, struct jwk **out_public,
    jwkd_error *error)
{
    if (!key_type_signs_with(type, alg))
        return fail(error, JWKD_INVALID_ARGUMENT, "%s does not sign with %s keys", alg_name(alg), type->name);
    jwkd_error detail = {0};
    jwkd_status status;
    do {
        status = try_generate(signer, type, alg, owner, stop, out_sealed, out_public, &detail);
    } while (signer_made_room(signer, status, NULL));
    return explain(status, &detail, error);
}

static jwkd_status choose_alg(const struct key_type *type, enum alg wanted, enum alg own, enum alg usual_here,
    enum alg *out, jwkd_error *error)
{
    if (wanted && own && !key_type_same_alg(type, wanted, own))
        return fail(
            error, JWKD_INVALID_ARGUMENT, "the key is for %s, not for %s", alg_name(own), alg_name(wanted));
    enum alg alg = wanted ? wanted : own;
    if (!alg) alg = usual_here && key_type_signs_with(type, usual_here) ? usual_here : type->usual;
    if (!key_type_signs_with(type, alg))
        return fail(error, JWKD_INVALID_ARGUMENT, "%s does not sign with keys of this kind", alg_name(alg));
    *out = alg;
    return JWKD_OK;
}

static jwkd_status refuse_type(const EVP_PKEY *pkey, jwkd_error *error)
{
    if (EVP_PKEY_is_a(pkey, "RSA-PSS")) /* RFC 4055: it would bind RS256 and other hashes, too */
        return fail(error, JWKD_UNSUPPORTED,
            "an RSA key of the type RSA-PSS is not read; as a plain one it is, for PS256, PS384 or PS512: "
            "openssl rsa -traditional -in FILE | sed s/RSA-PSS/RSA/");
    return fail(error, JWKD_UNSUPPORTED, "keys of this type or curve are not signed with here");
}

static jwkd_status try_import(struct signer *signer, struct bytes text, enum alg wanted, enum alg usual_here,
    const char *owner, struct buffer *out_sealed, struct jwk **out_public, jwkd_error *error)
{
    CLEANUP(import_clear) struct import import = {0};
    CLEANUP(jwk_unref_at) struct jwk *public = NULL;
    CLEANUP(secret_clear) struct secret material = {0};
    enum alg alg = ALG_NONE;
    TRY(import_read(text, &import, error));
    const struct key_type *type = key_type_of_pkey(import.pkey);
    if (!type) return refuse_type(import.pkey, error);
    TRY(choose_alg(type, wanted, import.alg, usual_here, &alg, error));
    TRY(jwk_from_pkey(import.pkey, alg, import.kid[0] ? import.kid : NULL, &public, error));
    TRY(material_write(import.pkey, &material, error));
    TRY(material_check(import.pkey, error));
    TRY(seal_pair(signer, secret_bytes(&material), public, owner, out_sealed, error));
    *out_public = TAKE(public);
    return JWKD_OK;
}

jwkd_status signer_import(struct signer *signer, struct bytes text, enum alg alg, enum alg default_alg,
    const char *owner, struct buffer *out_sealed, struct jwk **out_public, jwkd_error *error)
{
    jwkd_error detail = {0};
    jwkd_status status;
    do {
        status = try_import(signer, text, alg, default_alg, owner, out_sealed, out_public, &detail);
    } while (signer_made_room(signer, status, NULL));
    return explain(status, &detail, error);
}

static jwkd_status try_rebind(struct signer *signer, struct bytes sealed, const struct binding *from,
    const struct binding *to, struct buffer *out_sealed)
{
    CLEANUP(secret_clear) struct secret material = {0};
    TRY(seal_unwrap(signer->seal, sealed, binding_bytes(from), &material));
    return seal_wrap(signer->seal, secret_bytes(&material), binding_bytes(to), out_sealed);
}

jwkd_status signer_rebind(
    struct signer *signer, const struct signer_key *key, const char *new_owner, struct buffer *out_sealed)
{
    struct binding from, to;
    jwkd_status status;
    TRY(binding_make(key->owner, key->kid, &from));
    TRY(binding_make(new_owner, key->kid, &to));
    do {
        status = try_rebind(signer, key->sealed, &from, &to, out_sealed);
    } while (signer_made_room(signer, status, NULL));
    return status;
}
