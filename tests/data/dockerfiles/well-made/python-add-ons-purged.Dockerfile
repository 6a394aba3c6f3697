FROM python:3.12-slim
WORKDIR /srv/app
COPY requirements.txt ./
RUN set -eux; \
    buildDeps='gcc libc6-dev libffi-dev'; \
    apt-get update; \
    apt-get install -y --no-install-recommends $buildDeps; \
    pip install --no-cache-dir -r requirements.txt; \
    apt-get purge -y --auto-remove $buildDeps; \
    rm -rf /var/lib/apt/lists/*
COPY . .
USER 1000
CMD ["python", "-m", "app"]
