/* Accounts, tokens and grants as messages of the contract. */
#ifndef KEYRING_MODEL_ACCESS_MESSAGE_H
#define KEYRING_MODEL_ACCESS_MESSAGE_H

#include "access/book.h"
#include "wire/wire.h"

/* Each borrows from the entry. */
void message_account(const struct access_account *account, Jwkd__V1__Account *out);
void message_token(const struct access_token *token, Jwkd__V1__Token *out);
void message_grant(const struct access_grant *grant, Jwkd__V1__Grant *out);

#endif
