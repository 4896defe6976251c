#include "operations/credential.h"

static const char ACCOUNT[] = "account:", UID[] = "uid:", ANONYMOUS[] = "anonymous";

enum access_role credential_role(const struct door_access *access, const char *principal, bool is_local)
{
    if (is_local && strncmp(principal, UID, strlen(UID)) == 0) return access->ipc_role;
    if (!is_local && strcmp(principal, ANONYMOUS) == 0) return access->tcp_role;
    return ROLE_NONE;
}

/* Each refusal sounds the same: which part of it was wrong is nobody's business. */
static jwkd_status refuse(jwkd_error *error)
{
    return fail(error, JWKD_UNAUTHENTICATED,
        "the credential is no API token of this service, or it was revoked or has expired: have a new one "
        "made "
        "(jwkctl token create)");
}

static const struct access_token *find_token(const struct book *book, struct bytes credential, int64_t now)
{
    char id[API_TOKEN_ID + 1];
    uint8_t digest[SHA256_SIZE];
    if (!api_token_read(credential, id, digest)) return NULL;
    const struct access_entry *entry = book_find(book, ACCESS_TOKEN, id);
    const struct access_token *token = (const struct access_token *)(const void *)entry;
    if (!token || !api_token_is(token->digest, digest) || token->expires_at <= now) return NULL;
    return token;
}

jwkd_status credential_judge(const struct book *book, const struct door_access *access,
    struct bytes credential, int64_t now, struct arena *arena, struct caller *caller, jwkd_error *error)
{
    caller->transport_principal = caller->principal;
    caller->otherwise = credential_role(access, caller->principal, caller->is_local);
    if (credential.size == 0) return JWKD_OK;
    if (!caller->is_private && !access->insecure_tcp)
        return fail(error, JWKD_UNAUTHENTICATED,
            "a credential must not come over plain tcp, where others can read it: use the local socket, and "
            "make a new token");
    const struct access_token *token = find_token(book, credential, now);
    if (!token) return refuse(error);
    size_t prefix = strlen(ACCOUNT), size = strlen(token->account);
    char *principal = arena_alloc(arena, prefix + size + 1);
    char *id = arena_text(arena, bytes_of_text(token->entry.id));
    if (!principal || !id) return fail(error, JWKD_NO_MEMORY, "out of memory");
    memcpy(principal, ACCOUNT, prefix);
    memcpy(principal + prefix, token->account, size + 1);
    caller->principal = principal;
    caller->token = id;
    caller->otherwise = ROLE_NONE;
    return JWKD_OK;
}
