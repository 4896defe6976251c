#include "keyring/records/expiry.h"

#include <stdio.h>
#include <stdlib.h>

#include "keyring/records/rows.h"
#include "keyring/records/allowance.h"

enum { EXPIRE_AT_ONCE = 256 };

struct expiry {
    struct transaction *transaction;
    int64_t before;
    size_t left;
    bool more;
    jwkd_status status;
};

/* Whether the promotion of this id still waits. It may wait for longer than answers are kept; its end gives
 * its row a new date. */
static bool operation_waits(const struct keyring *keyring, const char *hex)
{
    char id[2 * OPERATION_ID + 1];
    for (size_t i = 0; i < keyring->present.snapshot->count; i++) {
        const struct ring_promotion *promotion = &keyring->present.snapshot->environments[i]->promotion;
        if (!promotion->waiting) continue;
        bytes_to_hex(bytes_of(promotion->operation, sizeof promotion->operation), id);
        if (strncmp(id, hex, sizeof id - 1) == 0) return true;
    }
    return false;
}

static void let_go(struct keyring *keyring, const struct store_row *row)
{
    uint8_t id[LIMIT_REQUEST_ID];
    char principal[ROW_KEY_SIZE];
    int64_t at;
    bool deactivation;
    if (rows_read_answered(row, &at, id, principal, &deactivation))
        allowance_forget(keyring, principal, bytes_of(id, sizeof id));
}

/* the row's name is answered/TIME/REQUEST-ID/PRINCIPAL */
static bool expire_answer(void *context, const struct store_row *row)
{
    struct expiry *expiry = context;
    char name[ROW_KEY_SIZE], answer[ROW_KEY_SIZE + 8];
    size_t head = strlen("answered/") + 16 + 1;
    if (row->key.size <= head || row->key.size >= sizeof name) return true;
    memcpy(name, row->key.data, row->key.size);
    name[row->key.size] = '\0';
    if ((int64_t)strtoull(name + strlen("answered/"), NULL, 16) >= expiry->before) return false;
    expiry->more = expiry->left == 0 || !transaction_has_room(expiry->transaction);
    if (expiry->more) return false;
    expiry->left--;
    const char *principal = strchr(name + head, '/');
    bool operation = principal && strcmp(principal + 1, ROWS_OPERATION_PRINCIPAL) == 0;
    if (operation)
        snprintf(answer, sizeof answer, "operation/%.*s", (int)(principal - (name + head)), name + head);
    else
        snprintf(answer, sizeof answer, "answer/%s", name + head);
    if (!operation || !operation_waits(expiry->transaction->keyring, name + head))
        expiry->status = transaction_erase(expiry->transaction, answer);
    if (expiry->status == JWKD_OK) expiry->status = transaction_erase(expiry->transaction, name);
    if (expiry->status == JWKD_OK) let_go(expiry->transaction->keyring, row);
    return expiry->status == JWKD_OK;
}

jwkd_status expiry_of_answers(struct transaction *transaction, bool *out_more)
{
    struct expiry expiry = {.transaction = transaction,
        .before = transaction->now - LIMIT_ANSWER_AGE_SEC,
        .left = EXPIRE_AT_ONCE};
    TRY(store_list(transaction->keyring->options.store, bytes_of_text("answered/"), (struct bytes){0},
        expire_answer, &expiry));
    *out_more = expiry.more;
    return expiry.status;
}
