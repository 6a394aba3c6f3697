# The smallest of images: one static program, named by an absolute path.
FROM gcc:13 AS build
COPY hello.c .
RUN gcc -static -Os -o /hello hello.c && strip /hello

FROM scratch
COPY --from=build /hello /
CMD ["/hello"]
