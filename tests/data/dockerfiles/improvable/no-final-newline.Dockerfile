FROM alpine
RUN apk add curl
CMD ["curl"]
RUN apk add jq