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

enum { TABLE_WIDTH = 80, GAP = 2, LEAST_WIDTH = 8 };

/* The widest column that may be cut and is not at its least; NULL where there is none. */
static size_t *widest(const struct table *table, size_t *widths)
{
    size_t *found = NULL;
    for (size_t i = 0; i < table->columns; i++)
        if ((table->may_cut >> i & 1) && widths[i] > LEAST_WIDTH && (!found || widths[i] > *found))
            found = &widths[i];
    return found;
}

static void fit(const struct table *table, size_t *widths)
{
    size_t total = GAP * (table->columns - 1), *cut;
    for (size_t i = 0; i < table->columns; i++)
        total += widths[i];
    for (; total > TABLE_WIDTH && (cut = widest(table, widths)); total--)
        --*cut;
}

/* Returns how wide it is on the screen. */
static size_t print_cell(const char *cell, size_t width)
{
    static const char CUT[] = "...";
    size_t length = strlen(cell);
    if (length <= width) {
        print_text(stdout, bytes_of_text(cell));
        return length;
    }
    length = width - strlen(CUT);
    while (length > 0 && ((unsigned char)cell[length] & 0xc0) == 0x80)
        length--; /* no half characters */
    print_text(stdout, bytes_of(cell, length));
    fputs(CUT, stdout);
    return length + strlen(CUT);
}

jwkd_status table_print(const struct table *table, jwkd_error *error)
{
    CLEANUP(free_at) size_t *widths = calloc(table->columns, sizeof *widths);
    if (!widths || table->incomplete) return fail(error, JWKD_NO_MEMORY, "memory is short");
    const char *cell = (const char *)table->cells.data, *end = cell + table->cells.size;
    for (size_t i = 0; cell < end; i = (i + 1) % table->columns, cell += strlen(cell) + 1)
        if (strlen(cell) > widths[i]) widths[i] = strlen(cell);
    fit(table, widths);
    cell = (const char *)table->cells.data;
    for (size_t i = 0; cell < end; i = (i + 1) % table->columns, cell += strlen(cell) + 1) {
        size_t width = print_cell(cell, widths[i]);
        bool last = i + 1 == table->columns;
        printf("%*s", last ? 0 : (int)(widths[i] - width + GAP), "");
        if (last) putchar('\n');
    }
    return JWKD_OK;
}
