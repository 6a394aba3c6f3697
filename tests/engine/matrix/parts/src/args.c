#include <stdio.h>
#include <unistd.h>
int main(int argc, char **argv) {
    char directory[4096];
    printf("started: args");
    for (int i = 1; i < argc; i++) printf(" [%s]", argv[i]);
    printf(" uid=%d cwd=%s\n", (int)getuid(), getcwd(directory, sizeof directory) ? directory : "?");
    return 0;
}
