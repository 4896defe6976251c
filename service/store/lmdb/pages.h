/* A look at a database file page by page, as plain bytes, before LMDB maps it. LMDB trusts its pages: a page
 * whose number was scribbled on, or that is both used and free, reads well, and later commits destroy other
 * pages by it. */
#ifndef STORE_LMDB_PAGES_H
#define STORE_LMDB_PAGES_H

#include "base/bytes.h"

/* CORRUPT unless the two descriptions of the database fit each other, and each page that the later one leads
 * to is what it should be and used once. No process may be writing. The rows themselves are not looked at.
 * UNAVAILABLE: the file cannot be read. */
jwkd_status lmdb_pages_check(int fd) MUST_CHECK;

#endif
