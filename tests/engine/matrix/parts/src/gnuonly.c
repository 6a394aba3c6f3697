/* A function that only glibc has, called at the end: with lazy binding the program starts and dies there. */
#include <gnu/libc-version.h>
#include <stdio.h>
int main(void) {
    puts("started: gnuonly");
    fflush(stdout);
    puts(gnu_get_libc_version());
    return 0;
}
