/* What there is of accounts, tokens and grants. */
#include "keyring/model/access_message.h"
#include "keyring/state.h"

#define OUT_OF_MEMORY(error) fail(error, JWKD_NO_MEMORY, "out of memory for the answer")

static const char ACCOUNT[] = "account:";

static const struct access_token *token_at(const struct book *book, size_t index)
{
    return (const struct access_token *)(const void *)book_at(book, ACCESS_TOKEN, index);
}

static const struct access_grant *grant_at(const struct book *book, size_t index)
{
    return (const struct access_grant *)(const void *)book_at(book, ACCESS_GRANT, index);
}

/* ---- accounts */

/* A page of accounts, as they are counted for. */
struct page {
    const struct book *book;
    size_t first, count;
    Jwkd__V1__Account *items;
};

static Jwkd__V1__Account *of_page(const struct page *page, const char *name)
{
    size_t after = book_after(page->book, ACCESS_ACCOUNT, name);
    if (after <= page->first || after > page->first + page->count) return NULL;
    Jwkd__V1__Account *account = &page->items[after - 1 - page->first];
    return strcmp(account->name, name) == 0 ? account : NULL;
}

static void count_what_is_theirs(const struct page *page)
{
    for (size_t i = 0; i < book_count(page->book, ACCESS_TOKEN); i++) {
        Jwkd__V1__Account *account = of_page(page, token_at(page->book, i)->account);
        if (account) account->tokens++;
    }
    for (size_t i = 0; i < book_count(page->book, ACCESS_GRANT); i++) {
        const char *principal = grant_at(page->book, i)->principal;
        if (strncmp(principal, ACCOUNT, strlen(ACCOUNT)) != 0) continue;
        Jwkd__V1__Account *account = of_page(page, principal + strlen(ACCOUNT));
        if (account) account->grants++;
    }
}

static jwkd_status make_page(struct page *page, struct reply *reply, void **out_pointers, jwkd_error *error)
{
    *out_pointers = reply_array(reply, page->count, sizeof *page->items, &page->items);
    if (!*out_pointers) return OUT_OF_MEMORY(error);
    for (size_t i = 0; i < page->count; i++)
        message_account(
            (const struct access_account *)(const void *)book_at(page->book, ACCESS_ACCOUNT, page->first + i),
            &page->items[i]);
    count_what_is_theirs(page);
    return JWKD_OK;
}

jwkd_status keyring_list_accounts(struct keyring *keyring, const struct caller *caller,
    const Jwkd__V1__Request *request, struct reply *reply, jwkd_error *error)
{
    (void)caller;
    reply->snapshot = keyring_snapshot(keyring);
    struct page page = {.book = reply->snapshot->book};
    page.first = book_after(page.book, ACCESS_ACCOUNT, request->list_accounts->after);
    size_t left = book_count(page.book, ACCESS_ACCOUNT) - page.first;
    page.count = left < LIMIT_PAGE ? left : LIMIT_PAGE;
    Jwkd__V1__ListAccountsReply *list = reply_alloc(reply, sizeof *list);
    void *pointers;
    if (!list) return OUT_OF_MEMORY(error);
    TRY(make_page(&page, reply, &pointers, error));
    *list = (Jwkd__V1__ListAccountsReply)JWKD__V1__LIST_ACCOUNTS_REPLY__INIT;
    list->n_accounts = page.count;
    list->accounts = pointers;
    list->more = left > page.count;
    reply->message.result_case = JWKD__V1__REPLY__RESULT_ACCOUNTS;
    reply->message.accounts = list;
    return JWKD_OK;
}

jwkd_status keyring_get_account(struct keyring *keyring, const struct caller *caller,
    const Jwkd__V1__Request *request, struct reply *reply, jwkd_error *error)
{
    (void)caller;
    const char *name = request->get_account->name;
    reply->snapshot = keyring_snapshot(keyring);
    struct page page = {.book = reply->snapshot->book, .count = 1};
    if (!book_find(page.book, ACCESS_ACCOUNT, name))
        return fail(error, JWKD_NOT_FOUND, "there is no account \"%.63s\"", name);
    page.first = book_after(page.book, ACCESS_ACCOUNT, name) - 1;
    Jwkd__V1__AccountReply *answer = reply_alloc(reply, sizeof *answer);
    void *pointers;
    if (!answer) return OUT_OF_MEMORY(error);
    TRY(make_page(&page, reply, &pointers, error));
    *answer = (Jwkd__V1__AccountReply)JWKD__V1__ACCOUNT_REPLY__INIT;
    answer->account = page.items;
    reply->message.result_case = JWKD__V1__REPLY__RESULT_ACCOUNT;
    reply->message.account = answer;
    return JWKD_OK;
}

/* ---- tokens */

jwkd_status keyring_list_tokens(struct keyring *keyring, const struct caller *caller,
    const Jwkd__V1__Request *request, struct reply *reply, jwkd_error *error)
{
    (void)caller;
    const char *account = request->list_tokens->account;
    reply->snapshot = keyring_snapshot(keyring);
    const struct book *book = reply->snapshot->book;
    if (*account && !book_find(book, ACCESS_ACCOUNT, account))
        return fail(error, JWKD_NOT_FOUND, "there is no account \"%.63s\"", account);
    Jwkd__V1__ListTokensReply *list = reply_alloc(reply, sizeof *list);
    Jwkd__V1__Token *items;
    void *pointers = reply_array(reply, LIMIT_PAGE, sizeof *items, &items);
    if (!list || !pointers) return OUT_OF_MEMORY(error);
    *list = (Jwkd__V1__ListTokensReply)JWKD__V1__LIST_TOKENS_REPLY__INIT;
    list->tokens = pointers;
    for (size_t i = book_after(book, ACCESS_TOKEN, request->list_tokens->after);
         i < book_count(book, ACCESS_TOKEN) && !list->more; i++) {
        if (*account && strcmp(token_at(book, i)->account, account) != 0) continue;
        list->more = list->n_tokens == LIMIT_PAGE;
        if (!list->more) message_token(token_at(book, i), &items[list->n_tokens++]);
    }
    reply->message.result_case = JWKD__V1__REPLY__RESULT_TOKENS;
    reply->message.tokens = list;
    return JWKD_OK;
}

/* ---- grants */

struct grants_of {
    const struct access_grant *wanted;
    bool matches;
};

static bool is_wanted(void *context, const struct access_grant *grant)
{
    struct grants_of *grants = context;
    grants->matches |= grant == grants->wanted;
    return !grants->matches;
}

/* Whether it is a grant of the principal, or one that matches it. */
static bool matches(const struct book *book, const char *principal, const struct access_grant *grant)
{
    struct grants_of grants = {.wanted = grant};
    if (!*principal || strcmp(grant->principal, principal) == 0) return true;
    book_visit_grants(book, principal, is_wanted, &grants);
    return grants.matches;
}

jwkd_status keyring_list_grants(struct keyring *keyring, const struct caller *caller,
    const Jwkd__V1__Request *request, struct reply *reply, jwkd_error *error)
{
    (void)caller;
    const Jwkd__V1__ListGrantsRequest *asked = request->list_grants;
    reply->snapshot = keyring_snapshot(keyring);
    const struct book *book = reply->snapshot->book;
    Jwkd__V1__ListGrantsReply *list = reply_alloc(reply, sizeof *list);
    Jwkd__V1__Grant *items;
    void *pointers = reply_array(reply, LIMIT_PAGE, sizeof *items, &items);
    if (!list || !pointers) return OUT_OF_MEMORY(error);
    *list = (Jwkd__V1__ListGrantsReply)JWKD__V1__LIST_GRANTS_REPLY__INIT;
    list->grants = pointers;
    for (size_t i = book_after(book, ACCESS_GRANT, asked->after);
         i < book_count(book, ACCESS_GRANT) && !list->more; i++) {
        if (!matches(book, asked->principal, grant_at(book, i))) continue;
        list->more = list->n_grants == LIMIT_PAGE;
        if (!list->more) message_grant(grant_at(book, i), &items[list->n_grants++]);
    }
    reply->message.result_case = JWKD__V1__REPLY__RESULT_GRANTS;
    reply->message.grants = list;
    return JWKD_OK;
}
