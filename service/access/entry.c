#include "access/entry.h"

enum { MOST_TEXTS = 4 };

/* One block: the entry, and behind it its texts, each of which is copied and pointed to. */
static void *make(const void *from, size_t size, enum access_kind kind, const char **texts[MOST_TEXTS])
{
    size_t total = size;
    for (size_t i = 0; i < MOST_TEXTS && texts[i]; i++)
        total += strlen(*texts[i] ? *texts[i] : "") + 1;
    char *block = malloc(total), *place = block + size;
    if (!block) return NULL;
    memcpy(block, from, size);
    for (size_t i = 0; i < MOST_TEXTS && texts[i]; i++) {
        const char *text = *texts[i] ? *texts[i] : "";
        size_t length = strlen(text) + 1;
        size_t offset = (size_t)((const char *)(const void *)texts[i] - (const char *)from);
        memcpy(place, text, length);
        memcpy(block + offset, &place, sizeof place);
        place += length;
    }
    struct access_entry *entry = (struct access_entry *)(void *)block;
    entry->kind = kind;
    atomic_init(&entry->references, 1);
    return block;
}

struct access_account *access_account_new(const struct access_account *from)
{
    struct access_account copy = *from;
    const char **texts[MOST_TEXTS] = {&copy.entry.id, &copy.entry.created_by, &copy.note};
    return make(&copy, sizeof copy, ACCESS_ACCOUNT, texts);
}

struct access_token *access_token_new(const struct access_token *from)
{
    struct access_token copy = *from;
    const char **texts[MOST_TEXTS] = {&copy.entry.id, &copy.entry.created_by, &copy.account, &copy.note};
    return make(&copy, sizeof copy, ACCESS_TOKEN, texts);
}

struct access_grant *access_grant_new(const struct access_grant *from)
{
    struct access_grant copy = *from;
    const char **texts[MOST_TEXTS] = {
        &copy.entry.id, &copy.entry.created_by, &copy.principal, &copy.environment};
    struct access_grant *grant = make(&copy, sizeof copy, ACCESS_GRANT, texts);
    if (grant && grant->rule) rule_ref(grant->rule);
    return grant;
}

struct access_entry *access_entry_ref(struct access_entry *entry)
{
    atomic_fetch_add_explicit(&entry->references, 1, memory_order_relaxed);
    return entry;
}

void access_entry_unref(struct access_entry *entry)
{
    if (!entry || atomic_fetch_sub_explicit(&entry->references, 1, memory_order_acq_rel) != 1) return;
    if (entry->kind == ACCESS_GRANT) rule_unref(((struct access_grant *)(void *)entry)->rule);
    free(entry);
}
