/* What the files of the signer share. */
#ifndef SIGNER_INTERNAL_H
#define SIGNER_INTERNAL_H

#include "signer/cache.h"
#include "signer/signer.h"

struct signer {
    const struct seal *seal;
    struct cache cache;
};

/* Whether an attempt that ended with `status` is worth repeating: memory was short (most often the secure
 * heap), and a key that nobody was using, and that is not called `keep` (may be NULL), has been wiped to make
 * room. */
bool signer_made_room(struct signer *signer, jwkd_status status, const struct binding *keep);

#endif
