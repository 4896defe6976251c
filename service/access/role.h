/* Rights, and the roles that give them: one table, which README.md prints. */
#ifndef ACCESS_ROLE_H
#define ACCESS_ROLE_H

#include "base/bytes.h"

// clang-format off
#define ACCESS_RIGHTS(ROW)                                                                              \
    ROW(SEE,          "see",          "see environments, keys, operations, receipts, subscribers, status") \
    ROW(VERIFY,       "verify",       "key sets, verify, follow, be counted")                            \
    ROW(SIGN,         "sign",         "sign claims")                                                     \
    ROW(SIGN_RAW,     "sign-raw",     "sign payloads")                                                   \
    ROW(MANAGE,       "manage",       "generate, set primary, rotate, retire, deactivate")               \
    ROW(IMPORT,       "import",       "import a private key")                                            \
    ROW(ENVIRONMENTS, "environments", "create, change and delete environments, destroy keys")            \
    ROW(AUDIT,        "audit",        "ask why something was denied")                                    \
    ROW(RELAY,        "relay",        "ask for others")                                                  \
    ROW(ACCESS,       "access",       "accounts, tokens, grants; with * only")

#define ACCESS_ROLES(ROW)                                                                               \
    ROW(VIEWER,     "viewer",     RIGHT_SEE | RIGHT_VERIFY)                                              \
    ROW(VERIFIER,   "verifier",   RIGHT_VERIFY)                                                          \
    ROW(SIGNER,     "signer",     RIGHT_VERIFY | RIGHT_SIGN)                                             \
    ROW(RAW_SIGNER, "raw-signer", RIGHT_VERIFY | RIGHT_SIGN_RAW)                                         \
    ROW(OPERATOR,   "operator",   RIGHT_SEE | RIGHT_VERIFY | RIGHT_MANAGE)                               \
    ROW(IMPORTER,   "importer",   RIGHT_IMPORT)                                                          \
    ROW(AUDITOR,    "auditor",    RIGHT_SEE | RIGHT_AUDIT)                                               \
    ROW(RELAY,      "relay",      RIGHT_VERIFY | RIGHT_RELAY)                                            \
    ROW(ADMIN,      "admin",      RIGHT_SEE | RIGHT_VERIFY | RIGHT_MANAGE | RIGHT_ENVIRONMENTS | RIGHT_ACCESS)
// clang-format on

enum access_right_index {
#define ROW(NAME, name, text) RIGHT_INDEX_##NAME,
    ACCESS_RIGHTS(ROW)
#undef ROW
        RIGHT_COUNT
};
/* A bit each. */
enum access_right {
    RIGHT_NONE = 0,
#define ROW(NAME, name, text) RIGHT_##NAME = 1 << RIGHT_INDEX_##NAME,
    ACCESS_RIGHTS(ROW)
#undef ROW
        RIGHT_ALL = (1 << RIGHT_COUNT) - 1
};

enum access_role {
    ROLE_NONE,
#define ROW(NAME, name, rights) ROLE_##NAME,
    ACCESS_ROLES(ROW)
#undef ROW
        ROLE_COUNT
};

const char *access_role_name(enum access_role role); /* "" for ROLE_NONE */
/* False, and ROLE_NONE, where there is none of that name. */
bool access_role_by_name(const char *name, enum access_role *out);
unsigned access_role_rights(enum access_role role);
/* Whether a grant of the role may have a claim rule. */
static inline bool access_role_has_rule(enum access_role role)
{
    return role == ROLE_SIGNER || role == ROLE_RAW_SIGNER;
}

const char *access_right_name(enum access_right right);
const char *access_right_text(enum access_right right);

#endif
