/* Aligned columns. */
#ifndef CLI_TABLE_H
#define CLI_TABLE_H

#include "base/bytes.h"

/* Columns of text, each as wide as its widest cell. Where all of them are wider than a terminal, cells of
 * those that may be cut are ("..."). A zeroed table with `columns` set is an empty one. */
struct table {
    size_t columns;
    unsigned may_cut;    /* 1 << column */
    struct buffer cells; /* each ended by a NUL */
    bool incomplete;     /* memory was short */
};
void table_clear(struct table *table);
void table_add(struct table *table, const char *format, ...) __attribute__((format(printf, 2, 3)));
jwkd_status table_print(const struct table *table, jwkd_error *error) MUST_CHECK;

#endif
