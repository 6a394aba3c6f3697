# The image of the Action: Python, the package, git and buildx, with the libraries that they load and nothing else.
# It has no engine: it uses the runner's. Another base with Debian's Python 3.11 or newer: --build-arg BASE=…
ARG BASE=debian:trixie-slim
FROM ${BASE} AS build
RUN apt-get update \
 && apt-get install --yes --no-install-recommends binutils ca-certificates docker-buildx git python3 python3-pip
COPY requirements/runtime.lock /build/runtime.lock
RUN python3 -m pip install --no-cache-dir --no-compile --disable-pip-version-check --root-user-action=ignore \
      --only-binary=:all: --require-hashes --requirement /build/runtime.lock --target /build/packages
COPY scripts/collect_image.py /build/
COPY src/weighbridge /build/weighbridge
RUN python3 /build/collect_image.py /build/packages /build/weighbridge /image

FROM scratch
COPY --from=build /image /
LABEL org.opencontainers.image.title="Weighbridge" \
      org.opencontainers.image.description="Weighs the container images of a pull request" \
      org.opencontainers.image.licenses="Apache-2.0"
# -I: imports come from the image only, not from the working folder (the pull request's) or the workflow's variables.
ENTRYPOINT ["/usr/bin/python3", "-I", "-m", "weighbridge"]
CMD ["action"]
