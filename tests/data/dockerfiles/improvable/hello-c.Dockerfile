FROM gcc
COPY hello.c .
RUN gcc -o hello hello.c
CMD ["./hello"]
