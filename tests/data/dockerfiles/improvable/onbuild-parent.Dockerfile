FROM node:20-slim AS parent
ONBUILD WORKDIR /app
ONBUILD COPY . .

FROM parent
RUN npm install --production=false
CMD ["node", "."]
