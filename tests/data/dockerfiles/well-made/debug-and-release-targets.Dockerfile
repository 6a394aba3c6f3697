FROM golang:1.23 AS build
WORKDIR /src
COPY . .
RUN make static BIN=/out/tool

FROM busybox:1.37 AS debug
COPY --from=build /out/tool /bin/tool
ENTRYPOINT ["tool"]

FROM scratch AS release
COPY --from=build /out/tool /bin/tool
ENTRYPOINT ["/bin/tool"]
