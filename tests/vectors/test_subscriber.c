/* Runs the scripts of proto/vectors/subscriber/ (their README says what they mean). The subscriber is made of
 * client/lib/follow/lease.h and client/lib/judge/keys.c. It hears what a script says, at the instants that it
 * says. Its freshness, verdicts and requests must be those that the script expects. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "lib/ask/answer.h"
#include "lib/follow/lease.h"
#include "lib/judge/keys.h"
#include "vectors/script.h"
#include "wire/cases.h"

enum { ENVIRONMENTS = 4, CHANGES = 8, SCRIPTS = 200, ID = 16, KEYS = 16 };

static const struct pins NO_PINS = {0};
static const char FOLDER[] = VECTORS_DIR "/subscriber";
/* The same for every kid: a script is not about signatures. */
static const char PUBLIC_KEY[] = "\"kty\":\"EC\",\"crv\":\"P-256\",\"alg\":\"ES256\","
                                 "\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\","
                                 "\"y\":\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0\"";

struct followed {
    struct lease_part part;
    struct keys *keys;
};

struct run {
    struct script script;
    int step;
    size_t number; /* of the step */
    uint64_t now_ns, sent_ns;
    struct lease lease;
    struct followed followed[ENVIRONMENTS];
    size_t count;
    const char *taking; /* the environment whose snapshot is under way */
};

/* ---- complaints */

__attribute__((format(printf, 2, 3))) static void complain(const struct run *run, const char *format, ...)
{
    char text[256];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    fail_msg("%s, step %zu, at %llu ms: %s", strrchr(run->script.name, '/') + 1, run->number,
        (unsigned long long)(run->now_ns / NS_PER_MS), text);
}

#define MUST_BE_OK(run, expression)                                      \
    do {                                                                 \
        if ((expression) != JWKD_OK) complain((run), "%s", #expression); \
    } while (0)

/* ---- from words to messages */

/* A name stands for 16 bytes: its characters and zeros behind. */
static struct bytes id_of(struct run *run, const char *name)
{
    uint8_t *id = arena_alloc(&run->script.texts, ID);
    size_t size = strlen(name);
    assert_true(id && size <= ID);
    memcpy(id, name, size);
    return bytes_of(id, size ? (size_t)ID : 0);
}

/* "epoch/environment id/revision" */
static Jwkd__V1__State state_of(struct run *run, const char *text)
{
    char epoch[ID + 1];
    unsigned long long environment_id, revision;
    Jwkd__V1__State state = JWKD__V1__STATE__INIT;
    if (sscanf(text, "%16[^/]/%llu/%llu", epoch, &environment_id, &revision) != 3)
        complain(run, "\"%s\" is no state", text);
    state.epoch = wire_bytes(id_of(run, epoch));
    state.environment_id = environment_id;
    state.revision = revision;
    return state;
}

static char *jwk_text(struct run *run, const char *kid)
{
    char text[512];
    snprintf(text, sizeof text, "{\"kid\":\"%s\",%s}", kid, PUBLIC_KEY);
    return arena_text(&run->script.texts, bytes_of_text(text));
}

static uint64_t ms_of(struct run *run, int object, const char *name)
{
    return (uint64_t)script_number(&run->script, script_must(&run->script, object, name), 0) * NS_PER_MS;
}

static uint32_t number_of(struct run *run, int object, const char *name, uint32_t absent)
{
    return (uint32_t)script_number_of(&run->script, object, name, absent);
}

static Jwkd__V1__Change__Kind kind_of(struct run *run, const char *name)
{
    const ProtobufCEnumValue *value =
        protobuf_c_enum_descriptor_get_value_by_name(&jwkd__v1__change__kind__descriptor, name);
    if (value) return (Jwkd__V1__Change__Kind)value->value;
    if (strcmp(name, "UNKNOWN") == 0) return (Jwkd__V1__Change__Kind)15;
    complain(run, "\"%s\" is no kind of change", name);
    return JWKD__V1__CHANGE__KIND__NONE;
}

/* ---- the subscriber: as client/lib/verifier.c and client/lib/follow/subscribe.c do */

static struct followed *find(struct run *run, const char *environment)
{
    for (size_t i = 0; i < run->count; i++)
        if (strcmp(run->followed[i].part.environment, environment) == 0) return &run->followed[i];
    return NULL;
}

static void swap_keys(struct followed *f, struct keys *keys)
{
    keys_unref(f->keys);
    f->keys = keys;
}

static void hear_event(struct run *run, const Jwkd__V1__Event *event)
{
    if (!answer_event_is_whole(event)) return;
    lease_hear_boot(&run->lease, wire_view(event->boot_id), run->now_ns);
    struct followed *f = find(run, event->environment);
    struct identity identity;
    struct keys *next = NULL;
    if (!f || !identity_read(event->state, &identity)) return;
    bool comparable = f->keys->known && identity_comparable(&f->keys->identity, &identity);
    bool follows = comparable && event->previous_revision == f->keys->identity.revision;
    if (follows && keys_after(f->keys, event, &NO_PINS, &next) == JWKD_OK) {
        swap_keys(f, next);
        lease_follow(&run->lease, &f->part, &identity, !answer_event_deletes(event), event->service_revision,
            run->now_ns);
    } else if (!comparable || identity.revision > f->keys->identity.revision) {
        lease_miss(&run->lease, &f->part, &identity, run->now_ns);
    }
}

/* Whether a snapshot says more than what is held. */
static bool is_news(const struct keys *held, const struct keys *taken)
{
    return !held->known || !identity_comparable(&held->identity, &taken->identity) ||
           taken->identity.revision > held->identity.revision;
}

static void take_over(struct run *run, struct keys *shown, uint64_t service_revision)
{
    struct followed *f = find(run, run->taking);
    struct keys *gone = NULL;
    if (!shown) {
        MUST_BE_OK(run, keys_again(f->keys, true, &NO_PINS, &gone));
        swap_keys(f, gone);
    } else if (is_news(f->keys, shown)) {
        swap_keys(f, keys_ref(shown));
    }
    lease_hold(&run->lease, &f->part, shown ? &f->keys->identity : NULL, service_revision, run->now_ns);
    lease_taken(&run->lease, run->now_ns);
}

/* ---- what is heard */

static void do_event(struct run *run, int said)
{
    struct script *script = &run->script;
    Jwkd__V1__Event event = JWKD__V1__EVENT__INIT;
    Jwkd__V1__State state = state_of(run, script_text(script, script_must(script, said, "state")));
    Jwkd__V1__Change changes[CHANGES], *pointers[CHANGES];
    Jwkd__V1__Key keys[CHANGES];
    Jwkd__V1__Environment settings = JWKD__V1__ENVIRONMENT__INIT;
    event.boot_id = wire_bytes(id_of(run, script_text_of(script, said, "boot")));
    event.environment = wire_text(script_text(script, script_must(script, said, "environment")));
    event.state = &state;
    event.previous_revision = number_of(run, said, "previous", 0);
    event.service_revision = number_of(run, said, "service_revision", 0);
    event.changes = pointers;
    for (int at = JSON_NONE; script_next(script, script_must(script, said, "changes"), &at);) {
        size_t i = event.n_changes++;
        const char *kid = script_text_of(script, at, "kid");
        assert_true(i < CHANGES);
        changes[i] = (Jwkd__V1__Change)JWKD__V1__CHANGE__INIT;
        keys[i] = (Jwkd__V1__Key)JWKD__V1__KEY__INIT;
        changes[i].kind = kind_of(run, script_text_of(script, at, "kind"));
        changes[i].environment = &settings;
        changes[i].key = &keys[i];
        keys[i].kid = wire_text(kid);
        if (!script_is_true(script, at, "withheld"))
            keys[i].public_jwk = wire_bytes(bytes_of_text(jwk_text(run, kid)));
        pointers[i] = &changes[i];
    }
    hear_event(run, &event);
}

static void do_heartbeat(struct run *run, int said)
{
    struct script *script = &run->script;
    Jwkd__V1__Heartbeat heartbeat = JWKD__V1__HEARTBEAT__INIT;
    Jwkd__V1__Heartbeat__Item items[CHANGES], *pointers[CHANGES];
    Jwkd__V1__State states[CHANGES];
    heartbeat.boot_id = wire_bytes(id_of(run, script_text_of(script, said, "boot")));
    heartbeat.epoch = wire_bytes(id_of(run, script_text_of(script, said, "epoch")));
    heartbeat.stamp_ns = ms_of(run, said, "stamp");
    heartbeat.service_revision = number_of(run, said, "service_revision", 0);
    heartbeat.covers_from = number_of(run, said, "covers_from", 0);
    heartbeat.changed = pointers;
    const char *name;
    for (int at = JSON_NONE, value;
         script_next_member(script, script_must(script, said, "changed"), &at, &name, &value);) {
        size_t i = heartbeat.n_changed++;
        assert_true(i < CHANGES);
        states[i] = state_of(run, script_text(script, value));
        items[i] = (Jwkd__V1__Heartbeat__Item)JWKD__V1__HEARTBEAT__ITEM__INIT;
        items[i].environment = wire_text(name);
        items[i].state = &states[i];
        pointers[i] = &items[i];
    }
    lease_hear_heartbeat(&run->lease, &heartbeat, run->now_ns);
}

/* ---- what is asked */

static void expect_held(struct run *run, int wanted)
{
    struct script *script = &run->script;
    const char *name;
    size_t count = 0, confirmed = 0;
    for (int at = JSON_NONE, value; script_next_member(script, wanted, &at, &name, &value); count++) {
        const struct followed *f = find(run, name);
        const Jwkd__V1__State state = state_of(run, script_text(script, value));
        struct identity identity;
        assert_true(f && identity_read(&state, &identity));
        if (!f->part.member || !f->part.exists || !identity_comparable(&f->part.held, &identity) ||
            f->part.held.revision != identity.revision)
            complain(run, "%s is not confirmed at %s", name, script_text(script, value));
    }
    for (size_t i = 0; i < run->count; i++)
        confirmed += run->followed[i].part.member && run->followed[i].part.exists;
    if (confirmed != count) complain(run, "%zu environments are confirmed", confirmed);
}

static void expect_instance(struct run *run, int hello)
{
    struct bytes id = id_of(run, script_text_of(&run->script, hello, "instance"));
    if (run->lease.has_instance != (id.size > 0) ||
        (id.size && memcmp(run->lease.instance_id, id.data, ID) != 0))
        complain(run, "it goes on with another registration");
}

static void do_send(struct run *run, int said)
{
    static const char *const WORDS[] = {[LEASE_WAIT] = "nothing",
        [LEASE_HELLO] = "hello",
        [LEASE_TAKE] = "get_jwks",
        [LEASE_RENEW] = "renew"};
    struct script *script = &run->script;
    struct lease_next next = lease_next(&run->lease, run->now_ns);
    int what = script_member(script, said, WORDS[next.task]);
    if (what == JSON_NONE) complain(run, "it would ask %s", WORDS[next.task]);
    lease_ask(&run->lease, &next);
    run->sent_ns = run->now_ns;
    run->taking = next.task == LEASE_TAKE ? next.part->environment : NULL;
    if (next.task == LEASE_HELLO) expect_instance(run, what);
    if (run->taking && strcmp(run->taking, script_text_of(script, what, "environment")) != 0)
        complain(run, "it would take %s", run->taking);
    if (next.task == LEASE_RENEW) expect_held(run, script_must(script, what, "held"));
    int64_t sequence = script_number_of(script, what, "sequence", (int64_t)run->lease.sequence);
    if (next.task != LEASE_HELLO && run->lease.sequence != (uint64_t)sequence)
        complain(run, "the sequence is %llu", (unsigned long long)run->lease.sequence);
}

/* ---- what is answered */

static void answer_hello(struct run *run, int said)
{
    struct script *script = &run->script;
    Jwkd__V1__HelloReply hello = JWKD__V1__HELLO_REPLY__INIT;
    hello.boot_id = wire_bytes(id_of(run, script_text_of(script, said, "boot")));
    hello.instance_id = wire_bytes(id_of(run, script_text_of(script, said, "instance")));
    hello.clock_ns = ms_of(run, said, "clock");
    hello.service_revision = number_of(run, said, "service_revision", 0);
    hello.lease_ms = number_of(run, said, "lease", 3000);
    hello.renew_ms = number_of(run, said, "renew", 60000);
    hello.registered_ms = number_of(run, said, "registered", 120000);
    if (lease_welcomed(&run->lease, &hello, run->sent_ns, run->now_ns, NULL) != JWKD_OK)
        lease_failed(&run->lease, run->now_ns);
}

static size_t kids_of(struct run *run, int said, const char *name, char **out)
{
    size_t count = 0;
    int list = script_member(&run->script, said, name);
    for (int at = JSON_NONE; list != JSON_NONE && script_next(&run->script, list, &at); count++) {
        assert_true(count < KEYS);
        out[count] = wire_text(script_text(&run->script, at));
    }
    return count;
}

static void answer_jwks(struct run *run, int said)
{
    struct script *script = &run->script;
    Jwkd__V1__JwksReply jwks = JWKD__V1__JWKS_REPLY__INIT;
    Jwkd__V1__State state = state_of(run, script_text(script, script_must(script, said, "state")));
    Jwkd__V1__Environment settings = JWKD__V1__ENVIRONMENT__INIT;
    CLEANUP(keys_unref_at) struct keys *shown = NULL;
    CLEANUP(buffer_clear) struct buffer document = {0};
    char *shown_kids[KEYS], *deactivated[KEYS], *withheld[KEYS];
    uint64_t service_revision = number_of(run, said, "service_revision", 0);
    if (script_is_true(script, said, "unchanged")) { /* what is held, once more */
        shown = keys_ref(find(run, run->taking)->keys);
        take_over(run, shown, service_revision);
        return;
    }
    size_t count = kids_of(run, said, "keys", shown_kids);
    MUST_BE_OK(run, buffer_append_text(&document, "{\"keys\":["));
    for (size_t i = 0; i < count; i++)
        MUST_BE_OK(run, buffer_append_format(&document, "%s%s", i ? "," : "", jwk_text(run, shown_kids[i])));
    MUST_BE_OK(run, buffer_append_text(&document, "]}"));
    jwks.state = &state;
    jwks.environment = &settings;
    jwks.jwks = wire_bytes(buffer_bytes(&document));
    jwks.n_deactivated = kids_of(run, said, "deactivated", jwks.deactivated = deactivated);
    jwks.n_withheld = kids_of(run, said, "withheld", jwks.withheld = withheld);
    MUST_BE_OK(run, keys_from_snapshot(&jwks, &shown, NULL));
    take_over(run, shown, service_revision);
}

static void answer_renewed(struct run *run, int said)
{
    Jwkd__V1__RenewReply renewed = JWKD__V1__RENEW_REPLY__INIT;
    renewed.clock_ns = ms_of(run, said, "clock");
    lease_renewed(&run->lease, &renewed, run->sent_ns, run->now_ns);
}

static void answer_status(struct run *run, const char *status)
{
    bool old_service = run->lease.asked == LEASE_RENEW && strcmp(status, "NOT_FOUND") == 0;
    if (strcmp(status, "NOT_REGISTERED") == 0 || old_service)
        lease_refused(&run->lease, run->now_ns);
    else if (strcmp(status, "NOT_FOUND") == 0 && run->taking)
        take_over(run, NULL, 0);
    else
        lease_failed(&run->lease, run->now_ns); /* "" as well: there was none */
}

static void do_answer(struct run *run, int said)
{
    struct script *script = &run->script;
    int hello = script_member(script, said, "hello"), jwks = script_member(script, said, "jwks"),
        renewed = script_member(script, said, "renewed");
    if (run->lease.asked == LEASE_WAIT) complain(run, "nothing is under way");
    if (hello != JSON_NONE)
        answer_hello(run, hello);
    else if (jwks != JSON_NONE)
        answer_jwks(run, jwks);
    else if (renewed != JSON_NONE)
        answer_renewed(run, renewed);
    else
        answer_status(run, script_text_of(script, said, "status"));
}

/* ---- what is expected */

static const char *verdict_of(struct run *run, const struct followed *f, const char *kid)
{
    const struct jwk *key;
    enum lease_freshness freshness = lease_freshness(&run->lease, &f->part, run->now_ns);
    if (!f->keys->known) return "KEYS_TOO_OLD";
    switch (keyset_find(f->keys->set, bytes_of_text(kid), &key)) {
    case KEY_LIVE:
        return freshness != LEASE_STALE || f->part.serves_stale ? "VALID" : "KEYS_TOO_OLD";
    case KEY_REVOKED:
        return "KEY_DEACTIVATED";
    case KEY_UNKNOWN:
        break;
    }
    return freshness == LEASE_FRESH ? "UNKNOWN_KEY" : freshness == LEASE_BEHIND ? "WAIT" : "KEYS_TOO_OLD";
}

static void expect_environment(struct run *run, const char *environment, int wanted)
{
    static const char *const NAMES[] = {
        [LEASE_STALE] = "stale", [LEASE_BEHIND] = "behind", [LEASE_FRESH] = "fresh"};
    struct script *script = &run->script;
    const struct followed *f = find(run, environment);
    assert_non_null(f);
    const char *freshness = NAMES[lease_freshness(&run->lease, &f->part, run->now_ns)];
    const char *name = script_text(script, script_must(script, wanted, "freshness"));
    if (strcmp(freshness, name) != 0) complain(run, "%s is %s, not %s", environment, freshness, name);
    for (int at = JSON_NONE, value; script_next_member(script, wanted, &at, &name, &value);) {
        if (strcmp(name, "freshness") == 0) continue;
        if (strcmp(name, "at_least_ms_old") == 0) {
            uint64_t age_ns = run->now_ns - f->part.vouched_ns;
            if (age_ns < (uint64_t)script_number(script, value, 0) * NS_PER_MS)
                complain(
                    run, "the keys are said to be %llu ms old", (unsigned long long)(age_ns / NS_PER_MS));
            continue;
        }
        const char *verdict = verdict_of(run, f, name), *wants = script_text(script, value);
        if (strcmp(verdict, wants) != 0)
            complain(run, "%s: a token of %s is %s, not %s", environment, name, verdict, wants);
    }
}

/* Each environment is spoken of, or the one that is followed alone. */
static void expect(struct run *run)
{
    struct script *script = &run->script;
    int wanted = script_must(script, run->step, "expect");
    const char *name;
    size_t count = 0;
    for (int at = JSON_NONE, value; script_next_member(script, wanted, &at, &name, &value); count++)
        expect_environment(run, name, value);
    if (count != run->count) complain(run, "it follows %zu environments", run->count);
    if (script_is_true(script, run->step, "idle") && lease_next(&run->lease, run->now_ns).task != LEASE_WAIT)
        complain(run, "it has something to ask");
}

/* ---- a script */

static void do_connect(struct run *run, int said)
{
    (void)said;
    lease_connected(&run->lease, run->now_ns);
}

static void do_disconnect(struct run *run, int said)
{
    (void)said;
    lease_disconnected(&run->lease);
}

static void do_step(struct run *run)
{
    static const struct {
        const char *name;
        void (*run)(struct run *run, int said);
    } DEEDS[] = {{"connect", do_connect}, {"disconnect", do_disconnect}, {"send", do_send},
        {"answer", do_answer}, {"event", do_event}, {"heartbeat", do_heartbeat}};
    uint64_t at_ns = ms_of(run, run->step, "at");
    if (at_ns < run->now_ns) complain(run, "it is later already");
    run->now_ns = at_ns;
    (void)lease_next(&run->lease, run->now_ns); /* a registration may have run out */
    for (size_t i = 0; i < sizeof DEEDS / sizeof *DEEDS; i++) {
        int said = script_member(&run->script, run->step, DEEDS[i].name);
        if (said != JSON_NONE) DEEDS[i].run(run, said);
    }
    expect(run);
}

static void begin(struct run *run)
{
    struct script *script = &run->script;
    int follows = script_must(script, JSON_ROOT, "follows");
    lease_init(&run->lease, 1);
    for (int at = JSON_NONE; script_next(script, follows, &at);) {
        struct followed *f = &run->followed[run->count++];
        assert_true(run->count <= ENVIRONMENTS);
        f->part.environment = script_text(script, at);
        f->part.wish_ms = number_of(run, JSON_ROOT, "lease_wish", 0);
        f->part.serves_stale = script_is_true(script, JSON_ROOT, "serves_stale");
        MUST_BE_OK(run, keys_none(&f->keys));
    }
    for (size_t i = run->count; i-- > 0;)
        lease_add(&run->lease, &run->followed[i].part); /* the first one comes first */
}

static void run_script(const char *path)
{
    struct run *run = calloc(1, sizeof *run);
    assert_non_null(run);
    script_open(&run->script, path);
    begin(run);
    int steps = script_must(&run->script, JSON_ROOT, "steps");
    for (run->step = JSON_NONE; script_next(&run->script, steps, &run->step); run->number++)
        do_step(run);
    for (size_t i = 0; i < run->count; i++)
        keys_unref(run->followed[i].keys);
    script_close(&run->script);
    free(run);
}

static char paths[SCRIPTS][512];

static void script__is_followed(void **state)
{
    run_script(*state);
}

static int compare_paths(const void *a, const void *b)
{
    return strcmp(a, b);
}

/* With arguments: those files alone. */
static size_t list_scripts(int argc, char **argv)
{
    size_t count = 0;
    for (int i = 1; i < argc && count < SCRIPTS; i++)
        snprintf(paths[count++], sizeof paths[0], "%s", argv[i]);
    if (count > 0) return count;
    DIR *folder = opendir(FOLDER);
    for (struct dirent *entry; folder && (entry = readdir(folder));)
        if (strstr(entry->d_name, ".json") && count < SCRIPTS)
            snprintf(paths[count++], sizeof paths[0], "%s/%.200s", FOLDER, entry->d_name);
    if (folder) closedir(folder);
    qsort(paths, count, sizeof paths[0], compare_paths);
    return count;
}

int main(int argc, char **argv)
{
    static struct CMUnitTest tests[SCRIPTS];
    size_t count = list_scripts(argc, argv);
    for (size_t i = 0; i < count; i++)
        tests[i] = (struct CMUnitTest){
            .name = strrchr(paths[i], '/') + 1, .test_func = script__is_followed, .initial_state = paths[i]};
    if (count < 25) {
        fprintf(stderr, "too few scripts in %s\n", FOLDER);
        if (argc == 1) return 1;
    }
    return _cmocka_run_group_tests("subscriber", tests, count, NULL, NULL);
}
