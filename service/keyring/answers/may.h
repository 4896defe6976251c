/* What a caller may, in the state that an answer is made from. */
#ifndef KEYRING_ANSWERS_MAY_H
#define KEYRING_ANSWERS_MAY_H

#include "access/caller.h"
#include "keyring/model/snapshot.h"

static inline struct access_where where_of(const struct ring_environment *environment)
{
    return (struct access_where){.environment = environment->settings.name, .id = environment->id};
}

/* `rights`: any of these will do. */
static inline bool caller_may(const struct snapshot *snapshot, const struct caller *caller, unsigned rights,
    const struct ring_environment *environment)
{
    struct access_who who = caller_who(caller);
    return (book_rights(snapshot->book, &who, where_of(environment)) & rights) != 0;
}

/* Likewise of an environment that may be gone. */
static inline bool caller_may_by_name(
    const struct snapshot *snapshot, const struct caller *caller, enum access_right right, const char *name)
{
    struct access_who who = caller_who(caller);
    const struct ring_environment *environment = snapshot_find(snapshot, name);
    const struct access_where where = {.environment = name, .id = environment ? environment->id : 0};
    return (book_rights(snapshot->book, &who, where) & (unsigned)right) != 0;
}

#endif
