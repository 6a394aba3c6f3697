#include <stdio.h>
#include <string.h>
int main(int argc, char **argv) {
    char copy[64];
    snprintf(copy, sizeof copy, "%s", argv[0]);
    memcpy(copy, argv[0], argc < 8 ? (size_t)argc : 8);
    printf("started: fortified %c\n", copy[0] ? 'y' : 'n');
    return 0;
}
