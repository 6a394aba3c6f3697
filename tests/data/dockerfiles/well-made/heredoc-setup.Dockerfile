# syntax=docker/dockerfile:1
FROM debian:bookworm-slim
RUN <<EOF
set -eux
apt-get update
apt-get install -y --no-install-recommends ca-certificates postgresql-client
rm -rf /var/lib/apt/lists/*
EOF
COPY <<'CONF' /etc/backup.conf
[backup]
every = 1h
CONF
COPY --chmod=755 backup.sh /usr/local/bin/
CMD ["backup.sh"]
