#include "fuzz.h"

#include "store/lmdb/witness.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct witness witness;
    if (witness_parse(bytes_of(data, size), &witness) != JWKD_OK) return 0;
    MUST(witness.at >= 0);
    return 0;
}
