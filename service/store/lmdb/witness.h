/* The witness: a small file beside the database that says how far the database had come. A database that was
 * put back from a backup looks like any other. It shows by its revision, which is lower than the witness's,
 * or by the witness, which is not the file that was written here (proto/DELIVERY.md S4).
 *
 * The witness is written in place after each commit, and only the first time does that wait for the disk.
 * After a process is killed the file is as it was written. After a power failure it may be an older one,
 * which gives no suspicion. A needless suspicion costs no more than new snapshots and later retirements; it
 * comes up where the files got another owner, or on media that number files anew at each mount. The witness
 * does not show that a whole medium went back, as with a snapshot of a virtual machine. */
#ifndef STORE_LMDB_WITNESS_H
#define STORE_LMDB_WITNESS_H

#include "base/bytes.h"

#define WITNESS_FILE "jwkd.witness"

struct witness {
    uint64_t revision; /* of the store, after the last commit */
    uint64_t inode;    /* the witness's own: a copy has another one */
    int64_t at;        /* when it was written, seconds since 1970: differs from the times of a file that was
                          overwritten */
};

/* Three lines: revision=N, file=N, at=N. MALFORMED. */
jwkd_status witness_parse(struct bytes text, struct witness *out) MUST_CHECK;

/* Whether a database at `revision` may be the one that was last written in the open `directory`. False, too,
 * if there is no witness or it cannot be read. */
bool witness_agrees(int directory, uint64_t revision);

/* Writes that the database has come to `revision`. *in_out_fd is the open file, -1 before the first call; the
 * caller closes it. A failure does no harm: an older witness suspects nobody. */
void witness_note(int directory, int *in_out_fd, uint64_t revision);

#endif
