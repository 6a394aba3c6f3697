FROM debian:bookworm-slim
RUN set -eux; \
	apt-get update; \
	# what the program loads
	apt-get install -y libssl3; \
	ldconfig;
COPY server /usr/local/bin/
RUN chmod -R 755 /usr/local/bin
CMD ["server"]
