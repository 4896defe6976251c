/* A disk that writes the last page of a commit and says that it did not. */
#include <dlfcn.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "store/scratch.h"

#include <cmocka.h> /* last: it has a macro named fail */

/* LMDB ends a commit by writing its meta page, the only write that is smaller than a page; when that fails it tries to put the old
 * one back. */
static atomic_int meta_writes_to_fail;

__attribute__((visibility("default"))) ssize_t pwrite(int fd, const void *data, size_t size, off_t offset)
{
    ssize_t (*real)(int, const void *, size_t, off_t);
    *(void **)&real = dlsym(RTLD_NEXT, "pwrite");
    if (size >= 4096 || meta_writes_to_fail == 0) return real(fd, data, size, offset);
    if (meta_writes_to_fail-- == 2) real(fd, data, size, offset);
    errno = EIO;
    return -1;
}

static void commit__that_may_have_happened_can_be_looked_up(void **state)
{
    (void)state;
    struct scratch scratch;
    scratch_init(&scratch);
    assert_int_equal(scratch_open(&scratch), JWKD_OK);
    for (int urgent = 0; urgent <= 1; urgent++) {
        assert_int_equal(scratch_put(&scratch, "row", "old", false), JWKD_OK);
        meta_writes_to_fail = 2;
        assert_int_equal(scratch_put(&scratch, "row", "new", urgent), JWKD_UNAVAILABLE);
        assert_int_equal(meta_writes_to_fail, 0);
        scratch_expect(&scratch, "row", "new");
        assert_int_equal(scratch_put(&scratch, "row", "newer", false), JWKD_OK);
        assert_int_equal(store_condition(scratch.store), STORE_READ_WRITE);
        assert_int_equal(scratch_open(&scratch), JWKD_OK);
        scratch_expect(&scratch, "row", "newer");
    }
    scratch_clear(&scratch);
}

int main(void)
{
    const struct CMUnitTest cases[] = {
        cmocka_unit_test(commit__that_may_have_happened_can_be_looked_up),
    };
    return cmocka_run_group_tests(cases, NULL, NULL);
}
