FROM debian:bookworm
RUN apt-get update; apt-get install -y nginx;
COPY --from=registry.example.org/site:latest /site /var/www/html
CMD ["nginx", "-g", "daemon off;"]
