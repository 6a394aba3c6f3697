FROM debian:bookworm
RUN <<SETUP bash
  set -eu
  apt-get update
  apt-get install -y redis
SETUP
CMD ["redis-server"]
