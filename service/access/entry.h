/* Accounts, API tokens and grants in memory: immutable, shared by the books that hold them. */
#ifndef ACCESS_ENTRY_H
#define ACCESS_ENTRY_H

#include <stdatomic.h>

#include "access/api_token.h"
#include "access/role.h"
#include "base/cleanup.h"
#include "base/limits.h"
#include "domain/rule.h"

enum access_kind { ACCESS_ACCOUNT, ACCESS_TOKEN, ACCESS_GRANT, ACCESS_KIND_COUNT };

enum { ACCESS_GRANT_ID = 16 }; /* hexadecimal digits */

/* What all three have. `id` is an account's name, or a token's or grant's id; unique within its kind. */
struct access_entry {
    atomic_uint references;
    enum access_kind kind;
    int64_t created_at;
    const char *id, *created_by;
};

struct access_account {
    struct access_entry entry;
    const char *note;
};

struct access_token {
    struct access_entry entry;
    const char *account, *note;
    int64_t expires_at;
    uint8_t digest[SHA256_SIZE]; /* of its secret */
};

struct access_grant {
    struct access_entry entry;
    const char *principal;   /* exact, or ending in "*" */
    const char *environment; /* likewise */
    uint64_t environment_id; /* of an exact one; 0: it is a pattern */
    enum access_role role;
    struct rule *rule; /* NULL: none */
};

/* Each makes one with a reference for the caller, from another whose texts are copied (entry.kind and
 * entry.references are set here; the rule gets a reference more). NULL when memory is short. */
struct access_account *access_account_new(const struct access_account *from);
struct access_token *access_token_new(const struct access_token *from);
struct access_grant *access_grant_new(const struct access_grant *from);

struct access_entry *access_entry_ref(struct access_entry *entry);
void access_entry_unref(struct access_entry *entry); /* NULL is fine */
DEFINE_CLEANUP(struct access_entry *, access_entry_unref)

#endif
