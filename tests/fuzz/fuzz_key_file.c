#include "fuzz.h"

#include "seal/key_file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct secret key = {0};
    if (key_file_parse(bytes_of(data, size), &key) != JWKD_OK) {
        MUST(key.data == NULL);
        return 0;
    }
    /* One spelling for each key, but for the newline at its end. */
    char digits[2 * KEY_FILE_KEY_SIZE + 1];
    MUST(key.size == KEY_FILE_KEY_SIZE);
    bytes_to_hex(secret_bytes(&key), digits);
    MUST(size >= sizeof digits && memcmp(data + 11, digits, sizeof digits - 1) == 0);
    MUST(size == 11 + sizeof digits - 1 || (size == 11 + sizeof digits && data[size - 1] == '\n'));
    secret_clear(&key);
    return 0;
}
