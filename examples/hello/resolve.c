/* Looks a name up the way every network program does: through the C library's getaddrinfo. */
#include <netdb.h>
#include <stdio.h>

int main(int argc, char **argv) {
    const char *name = argc > 1 ? argv[1] : "localhost";
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *found = NULL;
    int error = getaddrinfo(name, NULL, &hints, &found);
    if (error != 0) {
        fprintf(stderr, "cannot resolve %s: %s\n", name, gai_strerror(error));
        return 1;
    }
    freeaddrinfo(found);
    printf("%s resolves\n", name);
    return 0;
}
