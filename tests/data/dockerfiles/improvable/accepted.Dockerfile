# weighbridge: ignore=recommended-packages the recommended fonts are wanted
FROM debian:bookworm
RUN apt-get update && apt-get install -y libreoffice && rm -rf /var/lib/apt/lists/*
CMD ["soffice", "--headless"]
