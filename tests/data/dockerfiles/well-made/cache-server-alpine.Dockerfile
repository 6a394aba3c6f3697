FROM alpine:3.20
RUN addgroup -S -g 11211 cache && adduser -S -G cache -u 11211 cache
RUN apk add --no-cache libsasl
ENV CACHE_URL=https://download.example.org/cached-1.6.31.tar.gz CACHE_SHA1=4ff2e8ce2bfdcf7e
RUN set -eux; \
	apk add --no-cache --virtual .build-deps \
		ca-certificates \
		coreutils \
		cyrus-sasl-dev \
		gcc \
		libc-dev \
		make \
		openssl-dev \
		perl \
	; \
	wget -O cached.tar.gz "$CACHE_URL"; \
	echo "$CACHE_SHA1  cached.tar.gz" | sha1sum -c -; \
	mkdir -p /usr/src/cached; \
	tar -xzf cached.tar.gz -C /usr/src/cached --strip-components=1; \
	rm cached.tar.gz; \
	cd /usr/src/cached; \
	./configure --build="$(uname -m)-linux-musl" --enable-sasl; \
	nproc="$(nproc)"; \
	make -j "$nproc"; \
	make test PARALLEL="$nproc"; \
	make install; \
	cd /; \
	rm -rf /usr/src/cached; \
	runDeps="$( \
		scanelf --needed --nobanner --format '%n#p' --recursive /usr/local \
			| tr ',' '\n' \
			| sort -u \
			| awk 'system("[ -e /usr/local/lib/" $1 " ]") == 0 { next } { print "so:" $1 }' \
	)"; \
	apk add --no-network --virtual .cached-rundeps $runDeps; \
	apk del --no-network .build-deps; \
	cached -V
COPY docker-entrypoint.sh /usr/local/bin/
ENTRYPOINT ["docker-entrypoint.sh"]
USER cache
EXPOSE 11211
CMD ["cached"]
