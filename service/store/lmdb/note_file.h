/* The place of an engine's note: a file of one size, written in place, so that a note takes one write and the
 * file system has nothing to write of its own. */
#ifndef STORE_LMDB_NOTE_FILE_H
#define STORE_LMDB_NOTE_FILE_H

#include "base/bytes.h"

#define NOTE_FILE "jwkd.note"

/* Makes it where it is missing. The open file, or -1: it cannot be written. */
int note_file_open(int directory);
/* Durably, from the start of the file on. False: it was cleared again, as far as the disk lets it. */
bool note_file_write(int fd, struct bytes note);
/* Zeros over the first `size` bytes, which the disk has some time: private keys, sealed, do not stay in it
 * behind their erasure. */
void note_file_clear(int fd, size_t size);
/* Appends what is in it. NOT_FOUND, DENIED, UNAVAILABLE, NO_MEMORY. */
jwkd_status note_file_read(int directory, struct buffer *out) MUST_CHECK;

#endif
