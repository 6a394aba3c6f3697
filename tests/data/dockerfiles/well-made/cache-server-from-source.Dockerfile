# An in-memory store compiled in one RUN that takes its tools away again, as official images do.
FROM debian:bookworm-slim
RUN groupadd -r -g 999 store && useradd -r -g store -u 999 store
RUN set -eux; \
	apt-get update; \
	apt-get install -y --no-install-recommends tzdata; \
	rm -rf /var/lib/apt/lists/*
ENV STORE_DOWNLOAD_URL=https://download.example.org/store-7.4.1.tar.gz
ENV STORE_DOWNLOAD_SHA=bc34b878eb89421bbfca6fa78752343bf37af312a09eb0fae47c9575977dfaa2
RUN set -eux; \
	\
	savedAptMark="$(apt-mark showmanual)"; \
	apt-get update; \
	apt-get install -y --no-install-recommends \
		ca-certificates \
		wget \
		\
		dpkg-dev \
		gcc \
		libc6-dev \
		libssl-dev \
		make \
	; \
	rm -rf /var/lib/apt/lists/*; \
	\
	wget -O store.tar.gz "$STORE_DOWNLOAD_URL"; \
	echo "$STORE_DOWNLOAD_SHA *store.tar.gz" | sha256sum -c -; \
	mkdir -p /usr/src/store; \
	tar -xzf store.tar.gz -C /usr/src/store --strip-components=1; \
	rm store.tar.gz; \
# protected mode makes little sense inside a container
	grep -E '^ *createBoolConfig' /usr/src/store/src/config.c; \
	\
	export BUILD_TLS=yes; \
	make -C /usr/src/store -j "$(nproc)" all; \
	make -C /usr/src/store install; \
	rm -r /usr/src/store; \
	\
	apt-mark auto '.*' > /dev/null; \
	[ -z "$savedAptMark" ] || apt-mark manual $savedAptMark > /dev/null; \
	find /usr/local -type f -executable -exec ldd '{}' ';' \
		| awk '/=>/ { so = $(NF-1); if (index(so, "/usr/local/") == 1) { next }; gsub("^/(usr/)?", "", so); print so }' \
		| sort -u \
		| xargs -r dpkg-query --search \
		| cut -d: -f1 \
		| sort -u \
		| xargs -r apt-mark manual \
	; \
	apt-get purge -y --auto-remove -o APT::AutoRemove::RecommendsImportant=false; \
	store-server --version
RUN mkdir /data && chown store:store /data
VOLUME /data
WORKDIR /data
COPY docker-entrypoint.sh /usr/local/bin/
ENTRYPOINT ["docker-entrypoint.sh"]
EXPOSE 6379
CMD ["store-server"]
