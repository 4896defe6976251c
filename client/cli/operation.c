#include "cli/operation.h"

#include <inttypes.h>
#include <stdio.h>

const char *operation_kind_name(const jwkd_operation *operation)
{
    return operation->rotation ? "rotation" : "promotion";
}

const char *operation_phase_name(jwkd_phase phase)
{
    switch (phase) {
    case JWKD_PHASE_WAITING:
        return "waiting";
    case JWKD_PHASE_DONE:
        return "done";
    case JWKD_PHASE_CANCELLED:
        return "cancelled";
    }
    return "waiting";
}

/* Adds what there is in one phase only. */
static bool add_phase(json_t *object, const jwkd_operation *operation)
{
    if (operation->phase != JWKD_PHASE_WAITING)
        return json_object_set_new(object, "ended_at", json_integer(operation->ended_at)) == 0;
    return json_object_set_new(object, "confirmed", json_integer(operation->confirmed)) == 0 &&
           json_object_set_new(object, "subscribers", json_integer(operation->subscribers)) == 0 &&
           json_object_set_new(object, "at_most_ms", json_integer(operation->at_most_ms)) == 0;
}

json_t *operation_json(const jwkd_operation *operation)
{
    json_t *object = json_pack("{s:s, s:s, s:s, s:s, s:s, s:I, s:I, s:o}", "id", operation->id, "kind",
        operation_kind_name(operation), "phase", operation_phase_name(operation->phase), "environment",
        operation->environment, "kid", operation->kid, "revision", (json_int_t)operation->revision,
        "begun_at", (json_int_t)operation->begun_at, "reason", json_text(bytes_of_text(operation->reason)));
    if (!object || add_phase(object, operation)) return object;
    json_decref(object);
    return NULL;
}

void operation_format_progress(const jwkd_operation *operation, char out[OPERATION_TEXT_SIZE])
{
    /* Rounded up: it is a promise. */
    snprintf(out, OPERATION_TEXT_SIZE, "%.200s; at most %" PRIu64 " s more", operation->reason,
        ((uint64_t)operation->at_most_ms + 999) / 1000);
}

jwkd_status print_operation(bool json, const jwkd_operation *operation, jwkd_error *error)
{
    if (json) return print_json(operation_json(operation), error);
    char progress[OPERATION_TEXT_SIZE];
    operation_format_progress(operation, progress);
    bool waits = operation->phase == JWKD_PHASE_WAITING;
    print_field("operation", "%s", operation->id);
    print_field("kind", "%s", operation_kind_name(operation));
    print_field("environment", "%s", operation->environment);
    print_field("key", "%s", operation->kid);
    print_field("phase", "%s", operation_phase_name(operation->phase));
    print_field("because", "%s", waits ? progress : operation->reason);
    print_field("published", "revision %" PRIu64, operation->revision);
    print_moment("begun", operation->begun_at);
    print_moment("ended", operation->ended_at);
    return JWKD_OK;
}
