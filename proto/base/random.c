#include "base/random.h"

#include <limits.h>
#include <openssl/rand.h>

jwkd_status random_fill(void *out, size_t size)
{
    return size <= INT_MAX && RAND_bytes(out, (int)size) == 1 ? JWKD_OK : JWKD_INTERNAL;
}
