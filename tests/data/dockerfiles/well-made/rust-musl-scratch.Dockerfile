FROM rust:1.82-alpine AS build
RUN apk add --no-cache musl-dev
ENV CARGO_PROFILE_RELEASE_STRIP=true
WORKDIR /app
COPY Cargo.toml Cargo.lock ./
RUN mkdir src && echo 'fn main() {}' > src/main.rs && cargo build --release && rm -r src
COPY src ./src
RUN touch src/main.rs && cargo build --release --locked

FROM scratch
COPY --from=build /app/target/release/api /usr/local/bin/api
EXPOSE 3000
CMD ["/usr/local/bin/api"]
