FROM golang:1.23-alpine AS build
RUN apk add --no-cache ca-certificates git tzdata
WORKDIR /src
COPY . .
RUN CGO_ENABLED=0 go build -ldflags '-s -w -extldflags "-static"' -o /usr/local/bin/agent . \
 && echo 'agent:x:65532:65532::/:/sbin/nologin' > /passwd

FROM scratch
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/
COPY --from=build /usr/share/zoneinfo /usr/share/zoneinfo
COPY --from=build /passwd /etc/passwd
COPY --from=build /usr/local/bin/agent /agent
USER agent
HEALTHCHECK --interval=30s CMD ["/agent", "health"]
ENTRYPOINT ["/agent"]
CMD ["--config", "/etc/agent.yaml"]
