#include "cli/table.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "cli/output.h"

void table_clear(struct table *table)
{
    buffer_clear(&table->cells);
}

void table_add(struct table *table, const char *format, ...)
{
    char cell[1024];
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(cell, sizeof cell, format, arguments);
    va_end(arguments);
    if (length < 0 || buffer_append(&table->cells, cell, strlen(cell) + 1) != JWKD_OK)
        table->incomplete = true;
}

jwkd_status table_print(const struct table *table, jwkd_error *error)
{
    CLEANUP(free_at) size_t *widths = calloc(table->columns, sizeof *widths);
    if (!widths || table->incomplete) return fail(error, JWKD_NO_MEMORY, "memory is short");
    const char *cell = (const char *)table->cells.data, *end = cell + table->cells.size;
    for (size_t i = 0; cell < end; i = (i + 1) % table->columns, cell += strlen(cell) + 1)
        if (strlen(cell) > widths[i]) widths[i] = strlen(cell);
    cell = (const char *)table->cells.data;
    for (size_t i = 0; cell < end; i = (i + 1) % table->columns, cell += strlen(cell) + 1) {
        print_text(stdout, bytes_of_text(cell));
        bool last = i + 1 == table->columns;
        printf("%*s", last ? 0 : (int)(widths[i] - strlen(cell) + 2), "");
        if (last) putchar('\n');
    }
    return JWKD_OK;
}
