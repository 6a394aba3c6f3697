FROM gcc:12 AS build
COPY hello.c /src/
RUN gcc -o /hello /src/hello.c
FROM scratch
COPY --from=build /lib/x86_64-linux-gnu/libc.so.6 /lib/x86_64-linux-gnu/
COPY --from=build /lib64/ld-linux-x86-64.so.2 /lib64/
COPY --from=build /hello /hello
ENTRYPOINT /hello
