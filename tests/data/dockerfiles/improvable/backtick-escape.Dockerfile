# escape=`
FROM alpine
RUN apk add `
  curl
CMD ["curl"]
