/* strtol of glibc 2.38 and later is __isoc23_strtol for programs compiled there. */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
int main(int argc, char **argv) {
    printf("started: number %ld\n", strtol(argc > 1 ? argv[1] : "7", NULL, 0));
    return 0;
}
