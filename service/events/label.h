/* What a client calls itself, made fit to be shown to an operator. */
#ifndef EVENTS_LABEL_H
#define EVENTS_LABEL_H

#include <stddef.h>

/* Copies `text` into `out`, which holds `capacity` bytes: at most as many whole characters as fit. Whatever
 * is not printable UTF-8 (controls, invisible characters and those that turn the direction of writing)
 * becomes "?". */
void label_copy(const char *text, char *out, size_t capacity);

#endif
