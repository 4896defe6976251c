#include "lib/judge/token.h"

#include <stdlib.h>

void token_init(jwkd_token *token)
{
    token->readable = false;
    token->stale_ms = 0;
    json_init(&token->jwt.header_json);
    json_init(&token->jwt.claims);
    token->jwt.key = NULL;
    token->jwt.memory = NULL;
}

void token_clear(jwkd_token *token)
{
    token->readable = false;
    token->stale_ms = 0;
    jwt_clear(&token->jwt);
}

jwkd_token *jwkd_token_new(void)
{
    jwkd_token *token = malloc(sizeof *token);
    if (token) token_init(token);
    return token;
}

void jwkd_token_free(jwkd_token *token)
{
    if (!token) return;
    token_clear(token);
    free(token);
}

static jwkd_bytes handed_out(struct bytes bytes)
{
    return (jwkd_bytes){.data = bytes.size ? bytes.data : NULL, .size = bytes.size};
}

jwkd_bytes jwkd_token_claims(const jwkd_token *token)
{
    return token->readable ? handed_out(token->jwt.payload) : (jwkd_bytes){0};
}

jwkd_bytes jwkd_token_header(const jwkd_token *token)
{
    return token->readable ? handed_out(token->jwt.header_json.nodes[JSON_ROOT].text) : (jwkd_bytes){0};
}

jwkd_bytes jwkd_token_kid(const jwkd_token *token)
{
    if (!token->readable) return (jwkd_bytes){0};
    if (token->jwt.header.kid.size == 0 && token->jwt.key)
        return handed_out(bytes_of_text(jwk_kid(token->jwt.key))); /* the only key there was */
    return handed_out(token->jwt.header.kid);
}

uint64_t jwkd_token_stale_ms(const jwkd_token *token)
{
    return token->readable ? token->stale_ms : 0;
}

/* That of a claim is there though it is empty. */
static jwkd_bytes handed_out_empty(struct bytes bytes)
{
    return (jwkd_bytes){.data = bytes.data, .size = bytes.size};
}

static int claim_node(const jwkd_token *token, const char *claim)
{
    if (!token->readable || token->jwt.claims.count == 0) return JSON_NONE;
    return json_member(&token->jwt.claims, JSON_ROOT, claim);
}

bool jwkd_token_has_claims(const jwkd_token *token)
{
    return token->readable && json_is(&token->jwt.claims, JSON_ROOT, JSON_OBJECT);
}

jwkd_bytes jwkd_token_string(const jwkd_token *token, const char *claim)
{
    int node = claim_node(token, claim);
    return node == JSON_NONE ? (jwkd_bytes){0} : handed_out_empty(json_string(&token->jwt.claims, node));
}

jwkd_bytes jwkd_token_json(const jwkd_token *token, const char *claim)
{
    int node = claim_node(token, claim);
    return node == JSON_NONE ? (jwkd_bytes){0} : handed_out_empty(token->jwt.claims.nodes[node].text);
}

bool jwkd_token_integer(const jwkd_token *token, const char *claim, int64_t *out)
{
    int node = claim_node(token, claim);
    return node != JSON_NONE && json_whole(&token->jwt.claims, node, out) == JWKD_OK;
}

jwkd_status jwkd_inspect(const char *token, size_t size, jwkd_token *out, jwkd_error *error)
{
    token_clear(out);
    jwkd_status status = jwt_inspect(bytes_of(token, size), &out->jwt, error);
    if (status != JWKD_OK)
        token_clear(out);
    else
        out->readable = true;
    return status;
}
