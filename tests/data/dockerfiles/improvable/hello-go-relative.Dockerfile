# The trap: hello is in /go, and --from begins at the root.
FROM golang
COPY hello.go .
RUN go build hello.go
FROM scratch
COPY --from=0 hello .
CMD ./hello
