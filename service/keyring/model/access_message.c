#include "keyring/model/access_message.h"

void message_account(const struct access_account *account, Jwkd__V1__Account *out)
{
    *out = (Jwkd__V1__Account)JWKD__V1__ACCOUNT__INIT;
    out->name = wire_text(account->entry.id);
    out->note = wire_text(account->note);
    out->created_at = account->entry.created_at;
    out->created_by = wire_text(account->entry.created_by);
}

void message_token(const struct access_token *token, Jwkd__V1__Token *out)
{
    *out = (Jwkd__V1__Token)JWKD__V1__TOKEN__INIT;
    out->id = wire_text(token->entry.id);
    out->account = wire_text(token->account);
    out->note = wire_text(token->note);
    out->created_at = token->entry.created_at;
    out->created_by = wire_text(token->entry.created_by);
    out->expires_at = token->expires_at;
}

void message_grant(const struct access_grant *grant, Jwkd__V1__Grant *out)
{
    *out = (Jwkd__V1__Grant)JWKD__V1__GRANT__INIT;
    out->id = wire_text(grant->entry.id);
    out->principal = wire_text(grant->principal);
    out->role = wire_text(access_role_name(grant->role));
    out->environment = wire_text(grant->environment);
    out->environment_id = grant->environment_id;
    if (grant->rule) out->rule = wire_bytes(rule_json(grant->rule));
    out->created_at = grant->entry.created_at;
    out->created_by = wire_text(grant->entry.created_by);
}
