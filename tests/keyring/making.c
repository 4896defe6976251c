#include "keyring/making.h"

#include "keyring/ring.h"

static atomic_bool making_held;

jwkd_status __real_signer_generate(struct signer *signer, const struct key_type *type, enum alg alg,
    const char *owner, const _Atomic bool *stop, struct buffer *out_sealed, struct jwk **out_public,
    jwkd_error *error);
jwkd_status __wrap_signer_generate(struct signer *signer, const struct key_type *type, enum alg alg,
    const char *owner, const _Atomic bool *stop, struct buffer *out_sealed, struct jwk **out_public,
    jwkd_error *error);
jwkd_status __wrap_signer_generate(struct signer *signer, const struct key_type *type, enum alg alg,
    const char *owner, const _Atomic bool *stop, struct buffer *out_sealed, struct jwk **out_public,
    jwkd_error *error)
{
    while (making_held && !*stop)
        pause_shortly();
    return __real_signer_generate(signer, type, alg, owner, stop, out_sealed, out_public, error);
}

void making_hold(bool held)
{
    making_held = held;
}
