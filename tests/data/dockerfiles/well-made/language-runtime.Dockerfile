# An interpreter built from source; headers stay for those who compile add-ons later, build tools do not.
FROM buildpack-deps:bookworm-scm AS fetch
ENV RUNTIME_VERSION=3.13.1
WORKDIR /usr/src/runtime
RUN curl -fsSL "https://download.example.org/runtime-${RUNTIME_VERSION}.tar.xz" | tar -xJ --strip-components=1

FROM buildpack-deps:bookworm AS build
COPY --from=fetch /usr/src/runtime /usr/src/runtime
WORKDIR /usr/src/runtime
RUN ./configure --prefix=/opt/runtime --enable-shared && make -j "$(nproc)" && make install \
 && find /opt/runtime -depth -type d -a \( -name test -o -name tests \) -exec rm -rf '{}' +

FROM debian:bookworm-slim
ENV PATH=/opt/runtime/bin:$PATH LANG=C.UTF-8
RUN apt-get update \
 && apt-get install -y --no-install-recommends ca-certificates netbase tzdata \
 && rm -rf /var/lib/apt/lists/*
COPY --from=build /opt/runtime /opt/runtime
RUN ldconfig /opt/runtime/lib && runtime --version
CMD ["runtime"]
