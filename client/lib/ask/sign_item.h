/* What is to be signed, checked and in the contract's form. */
#ifndef LIB_SIGN_ITEM_H
#define LIB_SIGN_ITEM_H

#include <jwkd.h>

#include "wire/wire.h"

/* INVALID_ARGUMENT. Checked here, so that one caller's nonsense never fails the others that it would travel
 * with. */
jwkd_status sign_item_check(const jwkd_sign_item *item, jwkd_error *error) MUST_CHECK;
/* Borrows everything. `audiences` holds item->audience_count pointers. */
Jwkd__V1__SignItem sign_item_wire(const jwkd_sign_item *item, char **audiences);

#endif
