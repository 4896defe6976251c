#include "fuzz.h"

#include "store/lmdb/marker.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct marker marker;
    if (marker_parse(bytes_of(data, size), &marker) != JWKD_OK) return 0;
    /* One spelling for each marker. */
    struct buffer text = {0};
    MUST(marker_format(&marker, &text) == JWKD_OK);
    MUST(bytes_equal(buffer_bytes(&text), bytes_of(data, size)));
    buffer_clear(&text);
    return 0;
}
