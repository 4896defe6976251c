#include "fuzz.h"

#include "store/note.h"

/* What a note's record says, as if its code were right. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct note note;
    size_t seen = 4;
    if (note_read(bytes_of(data, size), &note) != JWKD_OK) return 0;
    MUST(note.count <= NOTE_CHANGES);
    seen += note.guard.size;
    for (size_t i = 0; i < note.count; i++)
        seen += 8 + note.changes[i].key.size + note.changes[i].record.size;
    MUST(seen == size);
    return 0;
}
