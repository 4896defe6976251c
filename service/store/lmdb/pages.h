/* A look at a database file page by page, as plain bytes, before LMDB maps it: LMDB trusts its pages. One
 * whose number was scribbled on, or that is used and free at once, reads well and destroys other pages with
 * the commits to come. */
#ifndef STORE_LMDB_PAGES_H
#define STORE_LMDB_PAGES_H

#include "base/bytes.h"

/* CORRUPT unless both descriptions of the database fit each other, and each page that the latter one leads to
 * is what it should be and used once. Nobody may be writing. The rows themselves are not looked at.
 * UNAVAILABLE: cannot be read. */
jwkd_status lmdb_pages_check(int fd) MUST_CHECK;

#endif
