# A web server from its vendor's package repository, in the manner of the official image.
FROM debian:bookworm-slim

ENV SERVER_VERSION=1.27.1
ENV PKG_RELEASE=1~bookworm

RUN set -x \
    && groupadd --system --gid 101 web \
    && useradd --system --gid web --no-create-home --home /nonexistent --shell /bin/false --uid 101 web \
    && apt-get update \
    && apt-get install --no-install-recommends --no-install-suggests -y gnupg1 ca-certificates \
    && keys="573BFD6B3D8FBC641079A6ABABF5BD827BD9BF62" \
    && export GNUPGHOME="$(mktemp -d)" \
    && for key in $keys; do \
        gpg1 --batch --keyserver hkp://keys.example.org:80 --recv-keys "$key" ; \
    done \
    && gpg1 --export $keys > /etc/apt/trusted.gpg.d/web.gpg \
    && rm -rf "$GNUPGHOME" \
    && apt-get remove --purge --auto-remove -y gnupg1 && rm -rf /var/lib/apt/lists/* \
    && echo "deb https://packages.example.org/debian bookworm web" >> /etc/apt/sources.list.d/web.list \
    && apt-get update \
    && apt-get install --no-install-recommends --no-install-suggests -y \
        web=${SERVER_VERSION}-${PKG_RELEASE} \
        gettext-base \
    && rm -rf /var/lib/apt/lists/* /etc/apt/sources.list.d/web.list \
    && ln -sf /dev/stdout /var/log/web/access.log \
    && mkdir /docker-entrypoint.d

COPY docker-entrypoint.sh /
COPY 10-listen.sh 20-envsubst.sh /docker-entrypoint.d/
ENTRYPOINT ["/docker-entrypoint.sh"]
EXPOSE 80
STOPSIGNAL SIGQUIT
CMD ["web", "-g", "daemon off;"]
