#include "lib/base64.h"

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void base64_encode(struct str bytes, struct buf *out)
{
    char *to = buf_reserve(out, (bytes.length + 2) / 3 * 4);
    size_t length = 0;
    for (size_t i = 0; i < bytes.length; i += 3) {
        size_t left = bytes.length - i;
        uint32_t three = (uint32_t)(unsigned char)bytes.at[i] << 16;
        if (left > 1)
            three |= (uint32_t)(unsigned char)bytes.at[i + 1] << 8;
        if (left > 2)
            three |= (unsigned char)bytes.at[i + 2];
        to[length++] = alphabet[three >> 18];
        to[length++] = alphabet[three >> 12 & 63];
        to[length++] = left > 1 ? alphabet[three >> 6 & 63] : '=';
        to[length++] = left > 2 ? alphabet[three & 63] : '=';
    }
    to[length] = '\0';
    out->length += length;
}

static int sextet(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

static size_t padding_of(struct str text)
{
    size_t padding = 0;
    while (padding < 2 && padding < text.length && text.at[text.length - 1 - padding] == '=')
        padding++;
    return padding;
}

size_t base64_decoded_size(struct str text)
{
    return text.length >= 4 ? text.length / 4 * 3 - padding_of(text) : 0;
}

bool base64_decode(struct str text, struct buf *out)
{
    size_t padding = padding_of(text);
    if (text.length % 4 != 0)
        return false;
    char *to = buf_reserve(out, text.length / 4 * 3);
    size_t length = 0;
    for (size_t i = 0; i < text.length; i += 4) {
        size_t digits = i + 4 == text.length ? 4 - padding : 4;
        uint32_t three = 0;
        for (size_t j = 0; j < digits; j++) {
            int value = sextet(text.at[i + j]);
            if (value < 0)
                return false;
            three |= (uint32_t)value << (18 - 6 * j);
        }
        for (size_t j = 0; j + 1 < digits; j++)
            to[length++] = (char)(three >> (16 - 8 * j));
    }
    to[length] = '\0';
    out->length += length;
    return true;
}
