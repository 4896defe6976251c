#include "lib/ask/access_answer.h"

jwkd_account answer_account(struct block *block, const Jwkd__V1__Account *from)
{
    return (jwkd_account){
        .name = block_text(block, from->name),
        .note = block_text(block, from->note),
        .created_by = block_text(block, from->created_by),
        .created_at = from->created_at,
        .tokens = from->tokens,
        .grants = from->grants,
    };
}

jwkd_api_token answer_api_token(struct block *block, const Jwkd__V1__Token *from, const char *secret)
{
    return (jwkd_api_token){
        .id = block_text(block, from->id),
        .account = block_text(block, from->account),
        .note = block_text(block, from->note),
        .created_by = block_text(block, from->created_by),
        .created_at = from->created_at,
        .expires_at = from->expires_at,
        .secret = block_text(block, secret),
    };
}

jwkd_grant answer_grant(struct block *block, const Jwkd__V1__Grant *from)
{
    jwkd_bytes rule = block_bytes(block, wire_view(from->rule));
    return (jwkd_grant){
        .id = block_text(block, from->id),
        .principal = block_text(block, from->principal),
        .role = block_text(block, from->role),
        .environment = block_text(block, from->environment),
        .created_by = block_text(block, from->created_by),
        .rule = rule.data, /* a block's bytes have a NUL behind them */
        .created_at = from->created_at,
    };
}

const jwkd_grant *answer_one_grant(struct block *block, const Jwkd__V1__Grant *from)
{
    if (!from) return NULL;
    jwkd_grant *out = block_take(block, sizeof *out), grant = answer_grant(block, from);
    if (out) *out = grant;
    return out;
}

const jwkd_grant *answer_grants(struct block *block, Jwkd__V1__Grant *const *from, size_t count)
{
    jwkd_grant *rows = block_take(block, count * sizeof *rows);
    for (size_t i = 0; i < count; i++) {
        jwkd_grant row = answer_grant(block, from[i]);
        if (rows) rows[i] = row;
    }
    return rows;
}

jwkd_status access_build(block_layout *layout, const void *from, void **out, jwkd_error *error)
{
    return block_build(layout, from, out) == JWKD_OK ? JWKD_OK : fail(error, JWKD_NO_MEMORY, "out of memory");
}

jwkd_status access_get_pages(
    jwkd_client *client, const struct access_list *list, struct pages *pages, jwkd_error *error)
{
    for (;;) {
        struct reply *reply = NULL;
        TRY(client_call(client, list->request, list->result, NULL, &reply, error));
        TRY(pages_add(pages, reply, error));
        const char *last = list->last(reply->message);
        if (!last) return JWKD_OK;
        *list->after = wire_text(last);
    }
}
