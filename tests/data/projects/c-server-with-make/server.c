#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Serves one page, which it reads from the folder it works in. */
int main(void)
{
    static char page[65536];
    FILE *file = fopen("web/index.html", "r");
    if (file == NULL) {
        perror("web/index.html");
        return 1;
    }
    size_t length = fread(page, 1, sizeof page, file);
    fclose(file);
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(8080)};
    if (bind(listener, (struct sockaddr *)&address, sizeof address) != 0 || listen(listener, 8) != 0) {
        perror("listen");
        return 1;
    }
    printf("%zu bytes on port 8080\n", length);
    fflush(stdout);
    for (;;) {
        int client = accept(listener, NULL, NULL);
        if (client < 0)
            continue;
        dprintf(client, "HTTP/1.0 200 OK\r\nContent-Length: %zu\r\n\r\n", length);
        write(client, page, length);
        close(client);
    }
}
