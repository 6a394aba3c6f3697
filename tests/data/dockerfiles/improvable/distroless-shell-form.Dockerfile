FROM golang:1.22 AS build
WORKDIR /src
COPY . .
RUN CGO_ENABLED=0 go build -o /bin/api .
FROM gcr.io/distroless/static-debian12
COPY --from=build /bin/api /api
HEALTHCHECK CMD /api check
CMD /api serve --port 8080
