/* Who may do what, at one instant: all accounts, API tokens and grants. Immutable; any thread may ask.
 *
 * A grant matches by its principal and its environment, each exact or a prefix. What a principal may in an
 * environment is what all grants that match give together; which of its signer grants decides by its rule is
 * the most specific one: exact principal before longer before shorter prefix, then environment likewise. */
#ifndef ACCESS_BOOK_H
#define ACCESS_BOOK_H

#include "access/entry.h"

struct book;

struct access_change {
    enum access_kind kind;
    const char *id;             /* of the entry that is added or removed */
    struct access_entry *entry; /* NULL: removed; a new one takes the place of one of the same id */
};

/* `old` NULL: an empty one. Takes references of its own. The ids of the changes differ. */
jwkd_status book_next(const struct book *old, const struct access_change *changes, size_t count,
    uint64_t revision, struct book **out) MUST_CHECK;
struct book *book_ref(struct book *book);
void book_unref(struct book *book); /* NULL is fine */
DEFINE_CLEANUP(struct book *, book_unref)

uint64_t book_revision(const struct book *book);
size_t book_count(const struct book *book, enum access_kind kind);
/* By id, in byte order; borrowed. */
const struct access_entry *book_at(const struct book *book, enum access_kind kind, size_t index);
/* NULL: there is none. */
const struct access_entry *book_find(const struct book *book, enum access_kind kind, const char *id);
/* The index of the first whose id sorts after `id`. */
size_t book_after(const struct book *book, enum access_kind kind, const char *id);

/* Whoever asks, as the book sees him. */
struct access_who {
    const char *principal;
    enum access_role otherwise; /* the role, in every environment, of one without a grant of its own */
};

/* An environment as grants see it. All three: in every environment, what only grants of "*" give. */
struct access_where {
    const char *environment; /* NULL: every one */
    uint64_t id;             /* 0: there is none of that name */
};

/* The rights, a bit each. */
unsigned book_rights(const struct book *book, const struct access_who *who, struct access_where where);
/* The grant of that role that decides; NULL: it has none (it may have the role otherwise). */
const struct access_grant *book_deciding(
    const struct book *book, const struct access_who *who, struct access_where where, enum access_role role);
/* Whether some grant is the principal's: then what it has otherwise does not count. */
bool book_has_own(const struct book *book, const char *principal);

/* The grants that match the principal, in whatever environment, the most specific principal first: calls
 * until `visit` returns false. */
void book_visit_grants(const struct book *book, const char *principal,
    bool (*visit)(void *context, const struct access_grant *grant), void *context);
/* The grant of exactly this principal, role and environment; NULL: none. */
const struct access_grant *book_same_grant(
    const struct book *book, const char *principal, const char *environment, enum access_role role);

#endif
