FROM alpine:3.20
RUN apk --no-cache add ca-certificates tzdata
RUN set -ex; \
	apkArch="$(apk --print-arch)"; \
	case "$apkArch" in \
		armhf) arch='armv6' ;; \
		aarch64) arch='arm64' ;; \
		x86_64) arch='amd64' ;; \
		*) echo >&2 "error: unsupported architecture: $apkArch"; exit 1 ;; \
	esac; \
	wget --quiet -O /tmp/proxy.tar.gz "https://download.example.org/v3.1.5/proxy_linux_$arch.tar.gz"; \
	tar xzvf /tmp/proxy.tar.gz -C /usr/local/bin proxy; \
	rm -f /tmp/proxy.tar.gz; \
	chmod +x /usr/local/bin/proxy
COPY entrypoint.sh /
EXPOSE 80
ENTRYPOINT ["/entrypoint.sh"]
CMD ["proxy"]
