FROM golang:1.22 AS go
WORKDIR /src
COPY go .
RUN go build -o /out/tool .

FROM node:20
WORKDIR /web
COPY web .
RUN npm ci && npm run build

FROM debian:bookworm-slim
COPY --from=0 /out/tool /usr/local/bin/tool
COPY --from=1 /web/dist /srv/web
RUN --mount=type=bind,from=1,source=/web,target=/mnt cp /mnt/LICENSE /srv/
CMD ["tool", "/srv/web"]
