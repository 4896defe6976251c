/* Accounts, tokens and grants as the public structures. Texts are placed in a block. */
#ifndef LIB_ACCESS_ANSWER_H
#define LIB_ACCESS_ANSWER_H

#include "lib/ask/block.h"
#include "lib/ask/pages.h"

jwkd_account answer_account(struct block *block, const Jwkd__V1__Account *from);
/* `secret`: all of a token that was just made; "" else. */
jwkd_api_token answer_api_token(struct block *block, const Jwkd__V1__Token *from, const char *secret);
jwkd_grant answer_grant(struct block *block, const Jwkd__V1__Grant *from);
/* A grant that stands alone; NULL from NULL. */
const jwkd_grant *answer_one_grant(struct block *block, const Jwkd__V1__Grant *from);
/* An array of them. */
const jwkd_grant *answer_grants(struct block *block, Jwkd__V1__Grant *const *from, size_t count);

/* One block; NO_MEMORY. */
jwkd_status access_build(block_layout *layout, const void *from, void **out, jwkd_error *error) MUST_CHECK;

/* Asks for all pages of a list. `after` is where the request says behind what to go on; `last` tells the name
 * of a page's last row, or NULL where the list ends with the page. */
struct access_list {
    Jwkd__V1__Request *request;
    char **after;
    Jwkd__V1__Reply__ResultCase result;
    const char *(*last)(const Jwkd__V1__Reply *page);
};
jwkd_status access_get_pages(
    jwkd_client *client, const struct access_list *list, struct pages *pages, jwkd_error *error) MUST_CHECK;

#endif
