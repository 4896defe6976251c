/* The witness: a small file beside the database that says how far the database had come. A database that was
 * put back from a backup looks like any other; that it is behind its witness, or that the witness is not the
 * file that was written here, is how that shows (proto/DELIVERY.md S4).
 *
 * It is written in place after each commit, and but for the first time no disk is waited for: a process that
 * is killed leaves it as it was written, a power failure perhaps an older one, which is no reason for
 * suspicion. Suspicion where there is no need (who changes the owner of the files, on media that number files
 * anew at each mount) costs no more than new snapshots, and later retirements. What does not show is a medium
 * that went back as a whole, as with a snapshot of a virtual machine. */
#ifndef STORE_LMDB_WITNESS_H
#define STORE_LMDB_WITNESS_H

#include "base/bytes.h"

#define WITNESS_FILE "jwkd.witness"

struct witness {
    uint64_t revision; /* of the store, after the last commit */
    uint64_t inode;    /* the witness's own: a copy has another one */
    int64_t at; /* when it was written, seconds since 1970: what was overwritten in place has other times */
};

/* Three lines: revision=N, file=N, at=N. MALFORMED. */
jwkd_status witness_parse(struct bytes text, struct witness *out) MUST_CHECK;

/* Whether a database at `revision` may be the one that was last written in the open `directory`. False as
 * well where there is no witness or one that cannot be read. */
bool witness_agrees(int directory, uint64_t revision);

/* The database has come to `revision`. *in_out_fd is the open file, -1 before the first call; the caller
 * closes it. Failing is no fault: an older witness suspects nobody. */
void witness_note(int directory, int *in_out_fd, uint64_t revision);

#endif
