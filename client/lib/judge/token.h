/* A judged or inspected token's contents. */
#ifndef LIB_TOKEN_H
#define LIB_TOKEN_H

#include <jwkd.h>

#include "jose/jwt.h"

struct jwkd_token {
    bool readable;     /* `jwt` has contents to hand out; otherwise it is cleared */
    uint64_t stale_ms; /* since when nobody vouches for the keys that judged it; 0: somebody does */
    struct jwt jwt;
};

void token_init(jwkd_token *token);
void token_clear(jwkd_token *token); /* empty and usable afterwards */

#endif
