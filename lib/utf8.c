#include "lib/utf8.h"

size_t utf8_decode(const char *at, const char *end, uint32_t *code)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800,
                                     0x10000}; /* below it a form of that length is overlong */
    if (at == end)
        return 0;
    const unsigned char *byte = (const unsigned char *)at;
    size_t length = byte[0] < 0x80 ? 1 : byte[0] < 0xc0 ? 0 : byte[0] < 0xe0 ? 2 : byte[0] < 0xf0 ? 3 : 4;
    if (length == 0 || byte[0] >= 0xf8 || (size_t)(end - at) < length)
        return 0;
    uint32_t number = length == 1 ? byte[0] : byte[0] & (0x7fu >> length);
    for (size_t i = 1; i < length; i++) {
        if ((byte[i] & 0xc0) != 0x80)
            return 0;
        number = number << 6 | (byte[i] & 0x3f);
    }
    if (number < least[length] || number > 0x10ffff || (number >= 0xd800 && number < 0xe000))
        return 0;
    if (code != NULL)
        *code = number;
    return length;
}

size_t utf8_encode(uint32_t code, char *out)
{
    size_t length = code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    if (length == 1) {
        out[0] = (char)code;
        return 1;
    }
    for (size_t i = length - 1; i > 0; i--) {
        out[i] = (char)(0x80 | (code & 0x3f));
        code >>= 6;
    }
    out[0] = (char)((0xf00 >> length) | code);
    return length;
}

size_t utf8_fitting(const char *at, size_t length, size_t most)
{
    if (length <= most)
        return length;
    while (most > 0 && ((unsigned char)at[most] & 0xc0) == 0x80)
        most--;
    return most;
}
