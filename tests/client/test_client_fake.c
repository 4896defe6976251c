/* The fake service leaves nothing behind. */
#include "client/cases.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "client/fake_service.h"

static void stop(struct fake *fake)
{
    fake_stop(fake);
    _exit(0);
}
static void give_up(struct fake *fake)
{
    fake_down(fake); /* for its threads */
    exit(1);
}
static void fall(struct fake *fake)
{
    (void)fake;
    abort();
}
static void be_told(struct fake *fake)
{
    (void)fake;
    raise(SIGTERM);
}

/* Its directory, made by a child that ended in this way. */
static void let_end(void (*end)(struct fake *), char *out_directory, size_t size)
{
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    if (child == 0) {
        struct fake *fake = fake_start();
        const char *directory = fake_directory(fake);
        if (access(directory, F_OK) == 0 && write(ends[1], directory, strlen(directory)) > 0) end(fake);
        _exit(0);
    }
    close(ends[1]);
    ssize_t got = read(ends[0], out_directory, size - 1);
    close(ends[0]);
    assert_true(got > 0);
    out_directory[got] = '\0';
    assert_int_equal(waitpid(child, NULL, 0), child);
}

static void fake__leaves_no_directory_however_it_ends(void **state)
{
    (void)state;
    static void (*const ENDS[])(struct fake *) = {stop, give_up, fall, be_told};
    for (size_t i = 0; i < sizeof ENDS / sizeof *ENDS; i++) {
        char directory[256];
        let_end(ENDS[i], directory, sizeof directory);
        assert_non_null(strstr(directory, "/jwkd-fake-"));
        assert_int_not_equal(access(directory, F_OK), 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(fake__leaves_no_directory_however_it_ends)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
