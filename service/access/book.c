#include "access/book.h"

#include "access/principal.h"

#define NOBODY UINT32_MAX

/* A grant's place in the two indexes: by principal and environment, and by principal alone. */
struct place {
    uint64_t both, principal;
    uint32_t next_of_both, next_of_principal;
};

struct list {
    struct access_entry **items;
    size_t count;
};

struct book {
    atomic_uint references;
    uint64_t revision;
    struct list lists[ACCESS_KIND_COUNT];
    struct place *places; /* of each grant */
    uint32_t *by_both, *by_principal;
    size_t mask; /* of both tables */
};

/* ---- hashing (FNV-1a) */

enum { STAR = 0x100, END = 0x101 }; /* behind what was hashed: a prefix, or all of it */

static uint64_t mix(uint64_t hash, unsigned value)
{
    return (hash ^ value) * UINT64_C(0x100000001b3);
}

static uint64_t hash_pattern(uint64_t hash, struct bytes text, bool exact)
{
    for (size_t i = 0; i < text.size; i++)
        hash = mix(hash, text.data[i]);
    return mix(hash, exact ? END : STAR);
}

#define HASH_START UINT64_C(0xcbf29ce484222325)

/* A pattern of a grant: what stands before its star. */
static struct bytes without_star(const char *pattern, bool *out_exact)
{
    struct bytes text = bytes_of_text(pattern);
    *out_exact = text.size == 0 || text.data[text.size - 1] != '*';
    if (!*out_exact) text.size--;
    return text;
}

static bool is_pattern(const char *pattern, struct bytes text, bool exact)
{
    bool its_exact;
    struct bytes its = without_star(pattern, &its_exact);
    return its_exact == exact && bytes_equal(its, text);
}

static uint64_t hash_of(uint64_t hash, const char *pattern)
{
    bool exact;
    struct bytes text = without_star(pattern, &exact);
    return hash_pattern(hash, text, exact);
}

/* ---- making */

void book_unref(struct book *book)
{
    if (!book || atomic_fetch_sub_explicit(&book->references, 1, memory_order_acq_rel) != 1) return;
    for (int kind = 0; kind < ACCESS_KIND_COUNT; kind++) {
        for (size_t i = 0; i < book->lists[kind].count; i++)
            access_entry_unref(book->lists[kind].items[i]);
        free(book->lists[kind].items);
    }
    free(book->places);
    free(book->by_both);
    free(book->by_principal);
    free(book);
}

struct book *book_ref(struct book *book)
{
    atomic_fetch_add_explicit(&book->references, 1, memory_order_relaxed);
    return book;
}

static int compare_changes(const void *a, const void *b)
{
    const struct access_change *x = a, *y = b;
    return strcmp(x->id, y->id);
}

/* The old entries and the changes, both by id, in one go. */
static jwkd_status merge(
    const struct list *old, const struct access_change *changes, size_t count, struct list *out)
{
    out->items = calloc(old->count + count + 1, sizeof *out->items);
    if (!out->items) return JWKD_NO_MEMORY;
    for (size_t i = 0, j = 0; i < old->count || j < count;) {
        int order = i == old->count ? 1 : j == count ? -1 : strcmp(old->items[i]->id, changes[j].id);
        struct access_entry *chosen = order < 0 ? old->items[i] : changes[j].entry;
        if (order <= 0) i++;
        if (order >= 0) j++;
        if (chosen) out->items[out->count++] = access_entry_ref(chosen);
    }
    return JWKD_OK;
}

static jwkd_status merge_all(
    struct book *book, const struct book *old, const struct access_change *changes, size_t count)
{
    static const struct list EMPTY;
    CLEANUP(free_at) struct access_change *some = calloc(count + 1, sizeof *some);
    if (!some) return JWKD_NO_MEMORY;
    for (int kind = 0; kind < ACCESS_KIND_COUNT; kind++) {
        size_t chosen = 0;
        for (size_t i = 0; i < count; i++)
            if ((int)changes[i].kind == kind) some[chosen++] = changes[i];
        qsort(some, chosen, sizeof *some, compare_changes);
        TRY(merge(old ? &old->lists[kind] : &EMPTY, some, chosen, &book->lists[kind]));
    }
    return JWKD_OK;
}

static const struct access_grant *grant_at(const struct book *book, size_t index)
{
    return (const struct access_grant *)(const void *)book->lists[ACCESS_GRANT].items[index];
}

static jwkd_status make_index(struct book *book)
{
    size_t grants = book->lists[ACCESS_GRANT].count, size = 16;
    while (size < 2 * grants)
        size *= 2;
    book->mask = size - 1;
    book->places = calloc(grants + 1, sizeof *book->places);
    book->by_both = malloc(size * sizeof *book->by_both);
    book->by_principal = malloc(size * sizeof *book->by_principal);
    if (!book->places || !book->by_both || !book->by_principal) return JWKD_NO_MEMORY;
    for (size_t i = 0; i < size; i++)
        book->by_both[i] = book->by_principal[i] = NOBODY;
    for (size_t i = 0; i < grants; i++) {
        const struct access_grant *grant = grant_at(book, i);
        struct place *place = &book->places[i];
        place->principal = hash_of(HASH_START, grant->principal);
        place->both = hash_of(place->principal, grant->environment);
        uint32_t *both = &book->by_both[place->both & book->mask],
                 *principal = &book->by_principal[place->principal & book->mask];
        place->next_of_both = *both;
        place->next_of_principal = *principal;
        *both = *principal = (uint32_t)i;
    }
    return JWKD_OK;
}

jwkd_status book_next(const struct book *old, const struct access_change *changes, size_t count,
    uint64_t revision, struct book **out)
{
    CLEANUP(book_unref_at) struct book *book = calloc(1, sizeof *book);
    if (!book) return JWKD_NO_MEMORY;
    atomic_init(&book->references, 1);
    book->revision = revision;
    TRY(merge_all(book, old, changes, count));
    TRY(make_index(book));
    *out = TAKE(book);
    return JWKD_OK;
}

/* ---- looking up by id */

uint64_t book_revision(const struct book *book)
{
    return book->revision;
}

size_t book_count(const struct book *book, enum access_kind kind)
{
    return book->lists[kind].count;
}

const struct access_entry *book_at(const struct book *book, enum access_kind kind, size_t index)
{
    return book->lists[kind].items[index];
}

size_t book_after(const struct book *book, enum access_kind kind, const char *id)
{
    const struct list *list = &book->lists[kind];
    size_t low = 0, high = list->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (strcmp(list->items[middle]->id, id) <= 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

const struct access_entry *book_find(const struct book *book, enum access_kind kind, const char *id)
{
    size_t after = book_after(book, kind, id);
    if (after == 0) return NULL;
    const struct access_entry *found = book->lists[kind].items[after - 1];
    return strcmp(found->id, id) == 0 ? found : NULL;
}

/* ---- looking up by who, and where */

static bool is_there(const struct access_grant *grant, struct access_where where)
{
    return grant->environment_id == 0 || grant->environment_id == where.id;
}

/* Visits the grants of a pattern of principals and one of environments. */
struct search {
    const struct book *book;
    struct bytes principal, environment;
    bool exact_principal, exact_environment;
    uint32_t next;
    uint64_t hash;
};

static const struct access_grant *next_of(struct search *search)
{
    const struct book *book = search->book;
    while (search->next != NOBODY) {
        uint32_t index = search->next;
        const struct access_grant *grant = grant_at(book, index);
        search->next = book->places[index].next_of_both;
        if (book->places[index].both == search->hash &&
            is_pattern(grant->principal, search->principal, search->exact_principal) &&
            is_pattern(grant->environment, search->environment, search->exact_environment))
            return grant;
    }
    return NULL;
}

/* Calls for every grant that matches, the most specific first, until `visit` returns false. */
static void visit_matching(const struct book *book, const char *principal, struct access_where where,
    bool (*visit)(void *context, const struct access_grant *grant), void *context)
{
    struct search search = {.book = book};
    struct patterns principals;
    for (patterns_of_principal(&principals, principal);
         patterns_next(&principals, &search.principal, &search.exact_principal);) {
        uint64_t hash = hash_pattern(HASH_START, search.principal, search.exact_principal);
        struct patterns environments;
        for (patterns_of_environment(&environments, where.environment ? where.environment : "");
             patterns_next(&environments, &search.environment, &search.exact_environment);) {
            search.hash = hash_pattern(hash, search.environment, search.exact_environment);
            search.next = book->by_both[search.hash & book->mask];
            for (const struct access_grant *grant; (grant = next_of(&search));)
                if (is_there(grant, where) && !visit(context, grant)) return;
        }
    }
}

static bool add_rights(void *context, const struct access_grant *grant)
{
    unsigned *rights = context;
    *rights |= access_role_rights(grant->role);
    return true;
}

unsigned book_rights(const struct book *book, const struct access_who *who, struct access_where where)
{
    unsigned rights = RIGHT_NONE;
    visit_matching(book, who->principal, where, add_rights, &rights);
    if (rights == RIGHT_NONE && who->otherwise != ROLE_NONE && !book_has_own(book, who->principal))
        rights = access_role_rights(who->otherwise);
    return rights;
}

struct deciding {
    enum access_role role;
    const struct access_grant *found;
};

static bool is_deciding(void *context, const struct access_grant *grant)
{
    struct deciding *deciding = context;
    if (grant->role == deciding->role) deciding->found = grant;
    return !deciding->found;
}

const struct access_grant *book_deciding(
    const struct book *book, const struct access_who *who, struct access_where where, enum access_role role)
{
    struct deciding deciding = {.role = role};
    visit_matching(book, who->principal, where, is_deciding, &deciding);
    return deciding.found;
}

void book_visit_grants(const struct book *book, const char *principal,
    bool (*visit)(void *context, const struct access_grant *grant), void *context)
{
    struct patterns principals;
    struct bytes text;
    bool exact;
    for (patterns_of_principal(&principals, principal); patterns_next(&principals, &text, &exact);) {
        uint64_t hash = hash_pattern(HASH_START, text, exact);
        for (uint32_t i = book->by_principal[hash & book->mask]; i != NOBODY;
             i = book->places[i].next_of_principal)
            if (book->places[i].principal == hash && is_pattern(grant_at(book, i)->principal, text, exact) &&
                !visit(context, grant_at(book, i)))
                return;
    }
}

static bool is_any(void *context, const struct access_grant *grant)
{
    (void)grant;
    *(bool *)context = true;
    return false;
}

bool book_has_own(const struct book *book, const char *principal)
{
    bool any = false;
    book_visit_grants(book, principal, is_any, &any);
    return any;
}

const struct access_grant *book_same_grant(
    const struct book *book, const char *principal, const char *environment, enum access_role role)
{
    uint64_t hash = hash_of(hash_of(HASH_START, principal), environment);
    for (uint32_t i = book->by_both[hash & book->mask]; i != NOBODY; i = book->places[i].next_of_both) {
        const struct access_grant *grant = grant_at(book, i);
        if (grant->role == role && strcmp(grant->principal, principal) == 0 &&
            strcmp(grant->environment, environment) == 0)
            return grant;
    }
    return NULL;
}
