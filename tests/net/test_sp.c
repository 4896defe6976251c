/* SP as it lies on the wire, byte by byte. */
#include "wire/cases.h"

#include "net/sp.h"

enum { LARGEST = 64 };

#define ID "\x80\x00\x00\x07"

struct row {
    const char *what, *bytes;
    size_t size;
    enum transport transport;
    enum sp_found found;
    size_t whole;     /* what sp_next() says of the size */
    const char *body; /* of a message */
};

#define ROW(what, bytes, ...)                      \
    {                                              \
        what, bytes, sizeof bytes - 1, __VA_ARGS__ \
    }

static const struct row ROWS[] = {
    ROW("nothing", "", TRANSPORT_IPC, SP_PART, 0, NULL),
    ROW("the type alone", "\1", TRANSPORT_IPC, SP_PART, 0, NULL),
    ROW("another type", "\2", TRANSPORT_IPC, SP_WRONG, 0, NULL),
    ROW("a part of the length", "\1\0\0\0\0\0\0\0", TRANSPORT_IPC, SP_PART, 0, NULL),
    ROW("the length", "\1\0\0\0\0\0\0\0\6", TRANSPORT_IPC, SP_PART, 15, NULL),
    ROW("all but the last byte", "\1\0\0\0\0\0\0\0\6" ID "h", TRANSPORT_IPC, SP_PART, 15, NULL),
    ROW("a message", "\1\0\0\0\0\0\0\0\6" ID "hi", TRANSPORT_IPC, SP_MESSAGE, 15, "hi"),
    ROW("a message and more", "\1\0\0\0\0\0\0\0\6" ID "hi\1\0", TRANSPORT_IPC, SP_MESSAGE, 15, "hi"),
    ROW("over tcp", "\0\0\0\0\0\0\0\6" ID "hi", TRANSPORT_TCP, SP_MESSAGE, 14, "hi"),
    ROW("no body", "\0\0\0\0\0\0\0\4" ID, TRANSPORT_TCP, SP_MESSAGE, 12, ""),
    ROW("hops", "\0\0\0\0\0\0\0\11\0\0\0\1" ID "x", TRANSPORT_TCP, SP_MESSAGE, 17, "x"),
    ROW("no id", "\0\0\0\0\0\0\0\3abc", TRANSPORT_TCP, SP_WRONG, 0, NULL),
    ROW("no message at all", "\0\0\0\0\0\0\0\0", TRANSPORT_TCP, SP_WRONG, 0, NULL),
    ROW("no end of the hops", "\0\0\0\0\0\0\0\10\0\0\0\1\0\0\0\2", TRANSPORT_TCP, SP_WRONG, 16, NULL),
    ROW("the largest", "\0\0\0\0\0\0\0\100", TRANSPORT_TCP, SP_PART, 72, NULL),
    ROW("too large", "\0\0\0\0\0\0\0\101", TRANSPORT_TCP, SP_WRONG, 0, NULL),
    ROW("far too large", "\377\377\377\377\377\377\377\377", TRANSPORT_TCP, SP_WRONG, 0, NULL),
};

static void next__finds_a_message_where_there_is_one(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof ROWS / sizeof *ROWS; i++) {
        const struct row *row = &ROWS[i];
        struct sp_message message = {0};
        size_t size;
        enum sp_found found =
            sp_next(row->transport, bytes_of(row->bytes, row->size), LARGEST, &message, &size);
        if (found != row->found || size != row->whole) fail_msg("%s: %d, %zu", row->what, (int)found, size);
        if (row->body && !bytes_equal_text(message.body, row->body)) fail_msg("%s: another body", row->what);
    }
}

static void next__takes_no_more_hops_than_nng(void **state)
{
    (void)state;
    uint8_t bytes[8 + SP_BACKTRACE + 4] = {0};
    struct sp_message message;
    size_t size;
    bytes[7] = SP_BACKTRACE;
    bytes[8 + SP_BACKTRACE - 4] = 0x80;
    assert_int_equal(
        sp_next(TRANSPORT_TCP, bytes_of(bytes, 8 + SP_BACKTRACE), LARGEST, &message, &size), SP_MESSAGE);
    assert_int_equal(message.backtrace.size, SP_BACKTRACE);
    bytes[7] = SP_BACKTRACE + 4;
    bytes[8 + SP_BACKTRACE - 4] = 0;
    bytes[8 + SP_BACKTRACE] = 0x80;
    assert_int_equal(
        sp_next(TRANSPORT_TCP, bytes_of(bytes, sizeof bytes), LARGEST, &message, &size), SP_WRONG);
}

static void head__is_read_as_it_was_written(void **state)
{
    (void)state;
    static const enum transport TRANSPORTS[] = {TRANSPORT_IPC, TRANSPORT_TCP};
    for (size_t i = 0; i < 2; i++) {
        uint8_t bytes[SP_HEAD + 2];
        struct sp_message message;
        size_t size, head = sp_head(TRANSPORTS[i], bytes_of("\0\0\0\1" ID, 8), 2, bytes);
        memcpy(bytes + head, "hi", 2);
        assert_int_equal(
            sp_next(TRANSPORTS[i], bytes_of(bytes, head + 2), LARGEST, &message, &size), SP_MESSAGE);
        assert_int_equal(size, head + 2);
        assert_true(bytes_equal(message.backtrace, bytes_of("\0\0\0\1" ID, 8)));
        assert_true(bytes_equal_text(message.body, "hi"));
    }
}

static void greeting__is_of_req_and_of_no_other(void **state)
{
    (void)state;
    assert_true(sp_is_req(bytes_of("\0SP\0\0\x30\0\0", 8)));
    assert_false(sp_is_req(bytes_of("\0SP\0\0\x31\0\0", 8)));
    assert_false(sp_is_req(bytes_of("\0SP\0\0\x30\0\1", 8)));
    assert_false(sp_is_req(bytes_of("GET / HT", 8)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(next__finds_a_message_where_there_is_one),
        cmocka_unit_test(next__takes_no_more_hops_than_nng),
        cmocka_unit_test(head__is_read_as_it_was_written),
        cmocka_unit_test(greeting__is_of_req_and_of_no_other),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
