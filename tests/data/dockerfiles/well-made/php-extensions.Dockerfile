FROM composer:2 AS vendor
WORKDIR /app
COPY composer.json composer.lock ./
RUN composer install --no-dev --no-scripts --prefer-dist --ignore-platform-reqs

FROM php:8.3-fpm-alpine
RUN set -ex; \
	apk add --no-cache --virtual .build-deps $PHPIZE_DEPS freetype-dev icu-dev libpng-dev; \
	docker-php-ext-configure gd --with-freetype; \
	docker-php-ext-install -j "$(nproc)" gd intl opcache; \
	runDeps="$(scanelf --needed --nobanner --format '%n#p' --recursive /usr/local/lib/php/extensions | sort -u)"; \
	apk add --no-cache --virtual .phpexts-rundeps $runDeps; \
	apk del --no-network .build-deps
WORKDIR /var/www/html
COPY --from=vendor /app/vendor vendor
COPY --chown=www-data:www-data . .
USER www-data
