/* Who refuses a deactivated key, and by when everybody does: for people and as JSON. */
#ifndef CLI_RECEIPT_H
#define CLI_RECEIPT_H

#include <stdio.h>

#include "cli/output.h"

json_t *receipt_json(const jwkd_receipt *receipt);

/* Whether nothing more will come of it: everybody has confirmed, or every lease has run out. */
bool receipt_is_final(const jwkd_receipt *receipt);

/* One line for each subscriber that has confirmed or gone, and had not in `before` (NULL: none had). */
void receipt_print_news(FILE *stream, const jwkd_receipt *receipt, const jwkd_receipt *before);
/* Whether there is any. */
bool receipt_has_news(const jwkd_receipt *receipt, const jwkd_receipt *before);

enum { RECEIPT_TEXT_SIZE = 160 };
/* "2 of 3 subscribers refuse it; at most 29 s more". */
void receipt_format_progress(const jwkd_receipt *receipt, char out[RECEIPT_TEXT_SIZE]);

/* What a person wants to know at last: who has not confirmed, by when it is refused everywhere, who is not
 * counted, until when its tokens would have lived. */
void receipt_print_sum(FILE *stream, const jwkd_receipt *receipt, int64_t now);

#endif
