#include "operations/door.h"

#include <unistd.h>

#include "base/clock.h"
#include "domain/environment.h"
#include "operations/access.h"
#include "operations/check.h"
#include "operations/hello.h"
#include "operations/table.h"
#include "operations/use_cases.h"

enum {
    DEFAULT_QUEUE = 128,
    MOST_TOGETHER = 8, /* workers that sign one batch: for each the signer keeps an RSA key once more */
};

struct door {
    struct door_options options;
    struct pool *pool;
    struct denials *denials;
    struct late *late;
    atomic_uint_fast64_t requests, failed, busy;
};

/* Forgets the request; what may have been a private key is wiped. */
static void release(struct door_call *call)
{
    reply_clear(&call->reply);
    keyring_command_clear(&call->command);
    arena_clear(&call->arena);
}

/* Nothing of the call is there afterwards. Without memory for an answer there is none: the client's own
 * timeout tells it. */
static void send_packed(struct door_call *call, struct buffer *packed)
{
    release(call);
    call->transport->answer(call, packed);
}

static void count(struct door_call *call, jwkd_status status)
{
    if (status != JWKD_OK && status != JWKD_IN_PROGRESS)
        atomic_fetch_add_explicit(&call->door->failed, 1, memory_order_relaxed);
    if (status == JWKD_BUSY) atomic_fetch_add_explicit(&call->door->busy, 1, memory_order_relaxed);
}

static void send_reply(struct door_call *call)
{
    struct reply *reply = &call->reply;
    struct buffer packed = {0};
    if (!call->transport->is_awaited(call)) { /* and a batch may have been left in the middle */
        send_packed(call, &packed);
        return;
    }
    count(call, (jwkd_status)reply->message.status);
    size_t size = protobuf_c_message_get_packed_size(&reply->message.base);
    if (size > LIMIT_REPLY) {
        reply_fail(reply, JWKD_RESOURCE_EXHAUSTED, NULL);
        size = protobuf_c_message_get_packed_size(&reply->message.base);
    }
    if (buffer_reserve(&packed, size) == JWKD_OK)
        packed.size = protobuf_c_message_pack(&reply->message.base, packed.data);
    send_packed(call, &packed);
}

static void send_failure(struct door_call *call, jwkd_status status, const jwkd_error *error)
{
    reply_fail(&call->reply, status, error);
    send_reply(call);
}

static void send_outcome(struct door_call *call, jwkd_status status, const jwkd_error *error)
{
    if (status == JWKD_OK)
        send_reply(call);
    else
        send_failure(call, status, error);
}

/* ---- answering ---- */

/* What the door knows by itself. */
static jwkd_status answer_itself(struct door_call *call, jwkd_error *error)
{
    const struct door_options *options = &call->door->options;
    const Jwkd__V1__Request__OperationCase which = call->request->operation_case;
    if (which == JWKD__V1__REQUEST__OPERATION_HELLO)
        return hello_answer(options, &call->caller, call->request->hello, &call->reply, error);
    if (which == JWKD__V1__REQUEST__OPERATION_WHOAMI)
        return access_whoami(options, &call->caller, &call->reply, error);
    if (which == JWKD__V1__REQUEST__OPERATION_TEST_GRANT)
        return access_test_grant(options, call->request->test_grant, &call->reply, error);
    if (which == JWKD__V1__REQUEST__OPERATION_EXPLAIN)
        return access_explain(call->door->denials, call->request->explain, &call->reply, error);
    return fail(error, JWKD_INTERNAL, "nobody answers this operation");
}

static jwkd_status carry_out(struct door_call *call, jwkd_error *error)
{
    const struct door_options *options = &call->door->options;
    keyring_use_case *use_case = use_case_of(call->request);
    if (use_case) return use_case(options->keyring, &call->caller, call->request, &call->reply, error);
    return answer_itself(call, error);
}

static void answer(struct door_call *call)
{
    jwkd_error error = {0};
    jwkd_status status = carry_out(call, &error);
    send_outcome(call, status, &error);
}

static struct door_call *sharing_call(struct pool_shared *shared)
{
    return (struct door_call *)(void *)((char *)shared - offsetof(struct door_call, shared));
}

static bool sign_next(struct pool_shared *shared)
{
    const struct door_call *call = sharing_call(shared);
    return call->transport->is_awaited(call) && keyring_sign_next(call->signing);
}

static void sign_end(struct pool_shared *shared)
{
    struct door_call *call = sharing_call(shared);
    jwkd_error error = {0};
    jwkd_status status = keyring_sign_end(call->signing, &error);
    send_outcome(call, status, &error);
}

static void share(struct door_call *call, const struct pool_shared *how)
{
    call->shared = *how;
    call->shared.caller = call->job.caller;
    pool_share(call->door->pool, &call->shared);
}

static void sign_together(struct door_call *call)
{
    jwkd_error error = {0};
    jwkd_status status = keyring_sign_begin(
        call->door->options.keyring, &call->caller, call->request, &call->reply, &call->signing, &error);
    if (status != JWKD_OK) {
        send_failure(call, status, &error);
        return;
    }
    size_t tokens = call->request->sign->n_items;
    const struct pool_shared how = {.work = sign_next,
        .end = sign_end,
        .most = tokens < MOST_TOGETHER ? (unsigned)tokens : MOST_TOGETHER};
    share(call, &how);
}

static bool verify_next(struct pool_shared *shared)
{
    const struct door_call *call = sharing_call(shared);
    return call->transport->is_awaited(call) && keyring_verify_next(call->verifying);
}

static void verify_end(struct pool_shared *shared)
{
    struct door_call *call = sharing_call(shared);
    jwkd_error error = {0};
    jwkd_status status = keyring_verify_end(call->verifying, &error);
    send_outcome(call, status, &error);
}

static void verify_in_turns(struct door_call *call)
{
    jwkd_error error = {0};
    jwkd_status status = keyring_verify_begin(
        call->door->options.keyring, &call->caller, call->request, &call->reply, &call->verifying, &error);
    if (status != JWKD_OK) {
        send_failure(call, status, &error);
        return;
    }
    share(call, &(struct pool_shared){.work = verify_next, .end = verify_end, .most = 1});
}

/* From the writer's thread. */
static void change_done(struct keyring_command *command, struct bytes packed, jwkd_status status)
{
    struct door_call *call = command->context;
    struct buffer copy = {0};
    count(call, status);
    if (packed.size > 0 && buffer_append_bytes(&copy, packed) != JWKD_OK) buffer_clear(&copy);
    send_packed(call, &copy);
}

/* From the writer's thread: rights may have been changed since it came. */
static bool may_still(const struct keyring_command *command, const struct book *book, uint64_t environment_id)
{
    const struct door_call *call = command->context;
    const struct access_who who = caller_who(&call->caller);
    const char *name = operation_environment(call->request);
    struct access_where where = {0};
    if (call->operation->scope == SCOPE_ENVIRONMENT && *name)
        where = (struct access_where){.environment = name, .id = environment_id};
    return (book_rights(book, &who, where) & (unsigned)call->operation->right) != 0;
}

static void change(struct door_call *call)
{
    jwkd_error error = {0};
    call->command.request = call->request;
    call->command.caller = call->caller;
    call->command.done = change_done;
    call->command.context = call;
    call->command.may = may_still;
    jwkd_status status = JWKD_OK;
    if (call->operation->class == OPERATION_IMPORT)
        status = keyring_prepare_import(call->door->options.keyring, &call->command, &error);
    if (status == JWKD_OK) status = keyring_change(call->door->options.keyring, &call->command, &error);
    if (status != JWKD_OK) send_failure(call, status, &error);
}

/* Nobody has to wait, at the end of the service or before, for what nobody will hear. */
static jwkd_status check_unread(const struct door_call *call, jwkd_error *error)
{
    if (call->transport->may_answer(call)) return JWKD_OK;
    return fail(error, JWKD_BUSY, "too much of what was answered here is not read yet; read it first");
}

/* Much may have been answered since it came. */
static void work(struct pool_job *job)
{
    struct door_call *call = (struct door_call *)(void *)((char *)job - offsetof(struct door_call, job));
    jwkd_error error = {0};
    jwkd_status status = check_deadline(call->request, clock_elapsed_ns(), &error);
    if (status == JWKD_OK) status = check_unread(call, &error);
    if (!call->transport->is_awaited(call))
        send_reply(call);
    else if (status != JWKD_OK)
        send_failure(call, status, &error);
    else if (call->operation->class == OPERATION_IMPORT)
        change(call);
    else if (!call->job.batch)
        answer(call);
    else if (call->operation->class == OPERATION_SIGN)
        sign_together(call);
    else
        verify_in_turns(call);
}

/* ---- receiving ---- */

/* The id by which an auditor asks why. */
static void keep_denial(struct door_call *call, const char *environment, const jwkd_error *error)
{
    denials_add(call->door->denials, &call->caller, operation_name(call->request),
        environment_name_valid(environment) ? environment : "", error->message, call->denial);
}

/* Whose request it is, and whether he may: a look-up in what is in memory. */
static jwkd_status judge_caller(struct door_call *call, jwkd_error *error)
{
    const struct door_options *options = &call->door->options;
    const char *environment = operation_environment(call->request);
    /* Names are looked up by their parts: one of a mebibyte would take minutes. */
    if (call->operation->scope == SCOPE_ENVIRONMENT && *environment && !environment_name_valid(environment))
        return fail(error, JWKD_INVALID_ARGUMENT, "that is no name of an environment");
    CLEANUP(snapshot_unref_at) struct snapshot *snapshot = keyring_snapshot(options->keyring);
    TRY(credential_judge(snapshot->book, &options->access, wire_view(call->request->credential),
        clock_wall_sec(), &call->arena, &call->caller, error));
    jwkd_status status = access_check(snapshot, &call->caller, call->operation, environment, error);
    if (status == JWKD_DENIED) keep_denial(call, environment, error);
    return status;
}

static jwkd_status read_request(struct door_call *call, struct bytes packed, jwkd_error *error)
{
    ProtobufCMessage *message;
    if (wire_unpack(&jwkd__v1__request__descriptor, packed, &call->arena, &message) != JWKD_OK)
        return fail(error, JWKD_MALFORMED, "the message is not a jwkd.v1.Request");
    call->request = (Jwkd__V1__Request *)message;
    TRY(check_request(call->request, call->door->options.boot_id, clock_elapsed_ns(), error));
    call->operation = operation_of(call->request);
    TRY(check_unread(call, error));
    return judge_caller(call, error);
}

static bool is_batch(const struct door_call *call)
{
    return (call->operation->class == OPERATION_SIGN && call->request->sign->n_items > 1) ||
           (call->operation->class == OPERATION_VERIFY && call->request->verify->n_items > 1);
}

static void queue(struct door_call *call)
{
    jwkd_error error = {0};
    call->job = (struct pool_job){.run = work, .caller = call->turn, .batch = is_batch(call)};
    if (pool_submit(call->door->pool, &call->job) == JWKD_OK) return;
    fail(&error, JWKD_BUSY, "the service has too much to do at present; try again in a moment");
    send_failure(call, JWKD_BUSY, &error);
}

static void refuse_now(struct late_job *job)
{
    struct door_call *call = (struct door_call *)(void *)((char *)job - offsetof(struct door_call, late));
    send_failure(call, call->refused.status, &call->refused);
}

static void refuse_late(struct door_call *call, const jwkd_error *error)
{
    call->late = (struct late_job){.run = refuse_now};
    call->refused = *error;
    if (late_put(call->door->late, &call->late) == JWKD_OK) return;
    jwkd_error busy = {0};
    fail(&busy, JWKD_BUSY, "too many wrong credentials come from here; try again in a while");
    send_failure(call, busy.status, &busy);
}

void door_ask(struct door *door, struct door_call *call, struct bytes message)
{
    jwkd_error error = {0};
    call->door = door;
    atomic_fetch_add_explicit(&call->door->requests, 1, memory_order_relaxed);
    jwkd_status status = read_request(call, message, &error);
    reply_init(&call->reply, call->request);
    call->reply.message.denial_id = wire_text(call->denial);
    if (status == JWKD_UNAUTHENTICATED && late_failed(door->late, call->caller.origin)) {
        refuse_late(call, &error);
        return;
    }
    if (status != JWKD_OK) {
        send_failure(call, status, &error);
        return;
    }
    switch (call->operation->class) {
    case OPERATION_INLINE:
        answer(call);
        return;
    case OPERATION_CHANGE:
        change(call);
        return;
    case OPERATION_IMPORT:
    case OPERATION_SIGN:
    case OPERATION_VERIFY:
    case OPERATION_POOL:
        queue(call);
        return;
    }
}

/* ---- opening and closing ---- */

static void read_traffic(void *context, struct keyring_traffic *out)
{
    struct door *door = context;
    *out = (struct keyring_traffic){.requests = door->requests, .failed = door->failed, .busy = door->busy};
}

jwkd_status door_open(const struct door_options *options, struct door **out, jwkd_error *error)
{
    long processors = sysconf(_SC_NPROCESSORS_ONLN);
    unsigned workers = options->workers ? options->workers : (unsigned)(processors > 0 ? processors : 1);
    struct door *door = calloc(1, sizeof *door);
    if (!door) return fail(error, JWKD_NO_MEMORY, "out of memory");
    door->options = *options;
    door->denials = denials_new();
    if (!door->denials || late_start(&door->late) != JWKD_OK ||
        pool_start(workers, options->queue ? options->queue : DEFAULT_QUEUE, &door->pool) != JWKD_OK) {
        late_free(door->late);
        denials_free(door->denials);
        free(door);
        return fail(error, JWKD_NO_MEMORY, "no threads for requests");
    }
    keyring_set_traffic(options->keyring, read_traffic, door);
    *out = door;
    return JWKD_OK;
}

void door_close(struct door *door)
{
    if (!door) return;
    late_stop(door->late);
    pool_stop(door->pool);
}

void door_free(struct door *door)
{
    if (!door) return;
    door_close(door);
    keyring_set_traffic(door->options.keyring, NULL, NULL);
    pool_free(door->pool);
    late_free(door->late);
    denials_free(door->denials);
    free(door);
}
