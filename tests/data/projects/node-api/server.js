const http = require("node:http");
const ms = require("ms");

const server = http.createServer((request, response) => response.end(`up for ${ms(process.uptime() * 1000)}\n`));
server.listen(3000, () => console.log("listening"));
