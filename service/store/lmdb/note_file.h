/* The place of an engine's note: a file of one size, written in place. So a note takes one write, and the
 * file system has nothing of its own to write. */
#ifndef STORE_LMDB_NOTE_FILE_H
#define STORE_LMDB_NOTE_FILE_H

#include "base/bytes.h"

#define NOTE_FILE "jwkd.note"

/* Makes the file where it is missing, and opens it. -1: it cannot be written. */
int note_file_open(int directory);
/* Writes the note durably, from the start of the file. False: that failed, and the file was cleared again, as
 * far as the disk lets it. */
bool note_file_write(int fd, struct bytes note);
/* Puts zeros over the first `size` bytes; the disk has them some time later. So private keys, which are
 * sealed there, do not outlive their erasure. */
void note_file_clear(int fd, size_t size);
/* Appends the file's contents. NOT_FOUND, DENIED, UNAVAILABLE, NO_MEMORY. */
jwkd_status note_file_read(int directory, struct buffer *out) MUST_CHECK;

#endif
