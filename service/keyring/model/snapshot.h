/* All environments at one instant: what the hot path reads. */
#ifndef KEYRING_MODEL_SNAPSHOT_H
#define KEYRING_MODEL_SNAPSHOT_H

#include "access/book.h"
#include "keyring/model/environment.h"

/* All environments at one instant, by name, and who may do what in them. Immutable. */
struct snapshot {
    atomic_uint references;
    uint64_t service_revision;
    struct book *book;
    size_t count;
    struct ring_environment **environments;
};

/* Makes a snapshot with `replacement` in place of the environments of these names (a NULL pointer removes).
 * The names of the `count` replacements are distinct. `book` NULL: the old one's, or an empty one. Takes
 * references of its own. */
struct snapshot_change {
    const char *name;
    struct ring_environment *environment;
};
jwkd_status snapshot_next(const struct snapshot *old, const struct snapshot_change *changes, size_t count,
    struct book *book, uint64_t service_revision, struct snapshot **out) MUST_CHECK;
struct snapshot *snapshot_ref(struct snapshot *snapshot);
void snapshot_unref(struct snapshot *snapshot);
DEFINE_CLEANUP(struct snapshot *, snapshot_unref)
/* Borrowed from the snapshot; NULL when there is none of that name. */
struct ring_environment *snapshot_find(const struct snapshot *snapshot, const char *name);
/* The index of the first environment whose name sorts after `name`. */
size_t snapshot_after(const struct snapshot *snapshot, const char *name);

#endif
