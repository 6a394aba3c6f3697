// People paste error messages. The search reads "--mount" and "exec:" as its own syntax and refuses the query,
// so these marks become spaces before its worker gets them. Quotes stay: they search for a phrase.
const post = Worker.prototype.postMessage;
Worker.prototype.postMessage = function (message, ...rest) {
  if (message && typeof message.data === "string") {
    message = { ...message, data: message.data.replace(/[*+:^~]|(^|\s)-+/g, " ") };
  }
  return post.call(this, message, ...rest);
};
