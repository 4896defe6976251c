/* nng_close() that does not come back, as that of libnng 1.5.2 sometimes does not: played here, for it cannot
 * be had when asked. */
#include "client/cases.h"

#include <jwkd.h>
#include <nng/nng.h>
#include <pthread.h>

#include "client/fake_service.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static bool stuck;
static unsigned inside, ended;

int __real_nng_close(nng_socket socket);
int __wrap_nng_close(nng_socket socket);

int __wrap_nng_close(nng_socket socket)
{
    pthread_mutex_lock(&lock);
    inside++;
    while (stuck)
        pthread_cond_wait(&changed, &lock);
    pthread_mutex_unlock(&lock);
    int result = __real_nng_close(socket);
    pthread_mutex_lock(&lock);
    ended++;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&lock);
    return result;
}

static void set_stuck(bool is)
{
    pthread_mutex_lock(&lock);
    stuck = is;
    inside = ended = 0;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&lock);
}

static jwkd_client *open_both(struct fake *fake, jwkd_verifier **verifier)
{
    jwkd_client *client = NULL;
    jwkd_error error = {0};
    if (jwkd_open(fake_url(fake), NULL, &client, &error) != JWKD_OK) fail_msg("%s", error.message);
    if (jwkd_verifier_open(client, "shop", NULL, verifier, &error) != JWKD_OK) fail_msg("%s", error.message);
    return client;
}

/* If a close waited for the socket, the test would never end. */
static void close__does_not_wait_for_a_socket_that_does_not_end(void **state)
{
    (void)state;
    struct fake *fake = fake_start();
    fake_create_environment(fake, "shop", false);
    fake_generate(fake, "shop");
    jwkd_verifier *verifier = NULL;
    jwkd_client *client = open_both(fake, &verifier);
    fake_hush(fake);
    jwkd_verifier_close(verifier);
    set_stuck(true);
    jwkd_close(client);
    pthread_mutex_lock(&lock);
    assert_int_equal(inside, 2); /* both were tried, */
    assert_int_equal(ended, 0);
    stuck = false;
    pthread_cond_broadcast(&changed);
    while (ended < 2) /* and go on when they can */
        pthread_cond_wait(&changed, &lock);
    pthread_mutex_unlock(&lock);
    fake_mute(fake, false);
    client = open_both(fake, &verifier); /* other clients still work */
    fake_hush(fake);
    jwkd_verifier_close(verifier);
    set_stuck(false);
    jwkd_close(client);
    assert_int_equal(ended, 2); /* waited for, where it can be */
    fake_stop(fake);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(close__does_not_wait_for_a_socket_that_does_not_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
