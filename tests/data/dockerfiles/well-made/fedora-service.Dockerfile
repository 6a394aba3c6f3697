FROM fedora:41 AS build
RUN dnf install -y cmake gcc-c++ ninja-build
WORKDIR /src
COPY . .
RUN cmake -G Ninja -B /build -DCMAKE_INSTALL_PREFIX=/opt/service && ninja -C /build install

FROM fedora:41
RUN dnf install -y --setopt=install_weak_deps=False libicu && dnf clean all
COPY --from=build /opt/service /opt/service
CMD ["/opt/service/bin/serviced", "--foreground"]
