#include "lib/judge/identity.h"

bool identity_read(const Jwkd__V1__State *state, struct identity *out)
{
    if (!state || state->epoch.len != sizeof out->epoch) return false;
    memcpy(out->epoch, state->epoch.data, sizeof out->epoch);
    out->environment_id = state->environment_id;
    out->revision = state->revision;
    return true;
}

bool identity_comparable(const struct identity *a, const struct identity *b)
{
    return a->environment_id == b->environment_id && memcmp(a->epoch, b->epoch, sizeof a->epoch) == 0;
}
