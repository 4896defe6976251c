/* A message of proto/jwkd.proto against what a vector says of it, field by field. */
#ifndef TESTS_VECTORS_FIELDS_H
#define TESTS_VECTORS_FIELDS_H

#include <protobuf-c/protobuf-c.h>

#include "vectors/script.h"

/* Fails the test unless every member of the JSON object is a field of the message with that value; and,
 * `whole`, every other field is at its default. Bytes are hexadecimal, enums the name, or the number of one
 * without a name; numbers may be strings. `where` is for the complaint. */
void fields_compare(
    struct script *script, int object, const ProtobufCMessage *message, bool whole, const char *where);
/* The descriptor of Request, Reply, Event or Heartbeat. */
const ProtobufCMessageDescriptor *fields_type(struct script *script, const char *name);

#endif
