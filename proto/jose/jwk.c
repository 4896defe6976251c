/* The life of a key, its published form and its thumbprint. */
#include "jose/jwk.h"

#include <stdlib.h>

#include "jose/base64url.h"
#include "jose/key_parts.h"

static const char *curve_of(const struct jwk_material *material)
{
    return material->kty == KTY_EC || material->kty == KTY_OKP ? material->type->curve : NULL;
}

/* A key's own members in base64url, ready to be spliced. */
struct encoded {
    struct buffer first, second;
};

static void encoded_clear(struct encoded *encoded)
{
    buffer_clear(&encoded->first);
    buffer_clear(&encoded->second);
}

static jwkd_status append_member(struct buffer *out, const char *name, struct bytes value)
{
    TRY(buffer_append_format(out, "%s\"%s\":\"", out->size > 1 ? "," : "", name));
    TRY(buffer_append_bytes(out, value));
    return buffer_append_text(out, "\"");
}

/* RFC 7638 sections 3.2 and 3.3: the required members in lexicographic order, RFC 8037 section 2 for OKP. */
static jwkd_status thumbprint_input(
    const struct jwk_material *material, const struct encoded *encoded, struct buffer *out)
{
    const struct kty_names *names = kty_names(material->kty);
    struct bytes first = buffer_bytes(&encoded->first), second = buffer_bytes(&encoded->second);
    struct bytes kty = bytes_of_text(names->kty);
    const char *curve = curve_of(material);
    TRY(buffer_append_text(out, "{"));
    if (material->kty == KTY_AKP) TRY(append_member(out, "alg", bytes_of_text(alg_name(material->alg))));
    if (curve) TRY(append_member(out, "crv", bytes_of_text(curve)));
    if (material->kty == KTY_RSA) TRY(append_member(out, "e", second));
    TRY(append_member(out, "kty", kty));
    TRY(append_member(out, names->first, first));
    if (material->kty == KTY_EC) TRY(append_member(out, "y", second));
    return buffer_append_text(out, "}");
}

static jwkd_status make_thumbprint(
    const struct jwk_material *material, const struct encoded *encoded, char out[JWK_THUMBPRINT_SIZE + 1])
{
    CLEANUP(buffer_clear) struct buffer input = {0};
    TRY(thumbprint_input(material, encoded, &input));
    uint8_t hash[SHA256_SIZE];
    TRY(alg_sha256(buffer_bytes(&input), hash));
    base64url_encode(bytes_of(hash, sizeof hash), out);
    out[JWK_THUMBPRINT_SIZE] = '\0';
    return JWKD_OK;
}

/* Where a member's value went in the text that is being written. */
struct span {
    size_t offset, size;
};

static jwkd_status append_marked(
    struct buffer *out, const char *name, const struct buffer *value, struct span *mark)
{
    TRY(append_member(out, name, buffer_bytes(value)));
    *mark = (struct span){.offset = out->size - 1 - value->size, .size = value->size};
    return JWKD_OK;
}

static jwkd_status published_form(const struct jwk_material *material, const struct encoded *encoded,
    struct bytes kid, struct buffer *out, struct span marks[2])
{
    const struct kty_names *names = kty_names(material->kty);
    const char *curve = curve_of(material);
    TRY(buffer_append_text(out, "{"));
    TRY(append_member(out, "kty", bytes_of_text(names->kty)));
    TRY(append_member(out, "use", bytes_of_text("sig")));
    TRY(append_member(out, "alg", bytes_of_text(alg_name(material->alg))));
    TRY(append_member(out, "kid", kid));
    if (curve) TRY(append_member(out, "crv", bytes_of_text(curve)));
    TRY(append_marked(out, names->first, &encoded->first, &marks[0]));
    if (names->second) TRY(append_marked(out, names->second, &encoded->second, &marks[1]));
    return buffer_append_text(out, "}");
}

/* One allocation holds the key and its texts. */
static jwkd_status assemble(const struct jwk_material *material, const char *thumbprint, struct bytes kid,
    struct bytes json, const struct span marks[2], struct jwk **out)
{
    struct jwk *jwk = calloc(1, sizeof *jwk + kid.size + 1 + json.size + 1);
    if (!jwk) return JWKD_NO_MEMORY;
    if (pthread_mutex_init(&jwk->lock, NULL) != 0) {
        free(jwk);
        return JWKD_NO_MEMORY;
    }
    char *text = jwk->text + kid.size + 1;
    memcpy(jwk->text, kid.data, kid.size);
    memcpy(text, json.data, json.size);
    memcpy(jwk->thumbprint, thumbprint, sizeof jwk->thumbprint);
    atomic_init(&jwk->references, 1);
    jwk->kty = material->kty;
    jwk->alg = material->alg;
    jwk->bits = material->kty == KTY_RSA ? rsa_bits(material->first) : 0;
    jwk->type = material->kty == KTY_RSA ? key_type_by_rsa_bits(jwk->bits) : material->type;
    jwk->kid = jwk->text;
    jwk->json = bytes_of(text, json.size);
    jwk->first = bytes_of(text + marks[0].offset, marks[0].size);
    jwk->second = bytes_of(text + marks[1].offset, marks[1].size);
    *out = jwk;
    return JWKD_OK;
}

jwkd_status jwk_new(const struct jwk_material *material, struct jwk **out)
{
    CLEANUP(encoded_clear) struct encoded encoded = {0};
    CLEANUP(buffer_clear) struct buffer json = {0};
    char thumbprint[JWK_THUMBPRINT_SIZE + 1];
    struct span marks[2] = {0};
    TRY(base64url_append(material->first, &encoded.first));
    TRY(base64url_append(material->second, &encoded.second));
    TRY(make_thumbprint(material, &encoded, thumbprint));
    struct bytes kid = material->kid.size ? material->kid : bytes_of(thumbprint, JWK_THUMBPRINT_SIZE);
    TRY(published_form(material, &encoded, kid, &json, marks));
    return assemble(material, thumbprint, kid, buffer_bytes(&json), marks, out);
}

struct jwk *jwk_ref(const struct jwk *jwk)
{
    struct jwk *mutable = jwk_mutable(jwk);
    atomic_fetch_add_explicit(&mutable->references, 1, memory_order_relaxed);
    return mutable;
}

void jwk_unref(struct jwk *jwk)
{
    if (!jwk || atomic_fetch_sub_explicit(&jwk->references, 1, memory_order_acq_rel) != 1) return;
    jwk_free_slots(jwk);
    EVP_PKEY_free(jwk->pkey);
    pthread_mutex_destroy(&jwk->lock);
    free(jwk);
}

const char *jwk_kid(const struct jwk *jwk)
{
    return jwk->kid;
}
enum alg jwk_alg(const struct jwk *jwk)
{
    return jwk->alg;
}
enum kty jwk_kty(const struct jwk *jwk)
{
    return jwk->kty;
}
const struct key_type *jwk_key_type(const struct jwk *jwk)
{
    return jwk->type;
}
uint32_t jwk_bits(const struct jwk *jwk)
{
    return jwk->bits;
}
const char *jwk_thumbprint(const struct jwk *jwk)
{
    return jwk->thumbprint;
}
struct bytes jwk_json(const struct jwk *jwk)
{
    return jwk->json;
}

bool jwk_accepts(const struct jwk *jwk, enum alg alg)
{
    if (alg == ALG_NONE) return false;
    return alg == jwk->alg || (jwk->type && key_type_same_alg(jwk->type, jwk->alg, alg));
}
