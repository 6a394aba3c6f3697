# The container of the Action: the package, git, and a docker client with buildx. No engine: the runner's own is used.
# Another base with Python 3.11 or newer: --build-arg BASE=…; on Debian 12 also --build-arg DOCKER_PACKAGES=docker.io
ARG BASE=python:3.13-slim-trixie
FROM ${BASE}
ARG DOCKER_PACKAGES="docker-cli docker-buildx"
RUN apt-get update \
 && apt-get install --yes --no-install-recommends ca-certificates git ${DOCKER_PACKAGES} \
 && rm -rf /var/lib/apt/lists/* /var/cache/apt/*.bin /var/log/apt /var/log/dpkg.log
COPY requirements/runtime.lock /tmp/runtime.lock
RUN python3 -m pip install --no-cache-dir --no-compile --disable-pip-version-check --root-user-action=ignore --ignore-installed \
      --require-hashes --requirement /tmp/runtime.lock \
 && rm /tmp/runtime.lock \
 && echo /opt/weighbridge > "$(python3 -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/weighbridge.pth"
COPY src/weighbridge /opt/weighbridge/weighbridge
LABEL org.opencontainers.image.title="Weighbridge" \
      org.opencontainers.image.description="Weighs the container images of a pull request" \
      org.opencontainers.image.licenses="Apache-2.0"
# -I: neither the working folder, which is the pull request's, nor variables of the workflow choose what is imported.
ENTRYPOINT ["python3", "-I", "-m", "weighbridge", "action"]
