#include <stdio.h>
#include <string.h>
#include <zlib.h>

int main(void)
{
    const char *text = "the same words, the same words, the same words";
    unsigned char packed[256];
    unsigned long length = sizeof packed;
    if (compress(packed, &length, (const unsigned char *)text, strlen(text)) != Z_OK)
        return 1;
    printf("zlib %s: %zu bytes are %lu now\n", zlibVersion(), strlen(text), length);
    return 0;
}
