// Answers a function URL by streaming, as the query says: head (a prelude or none), wait, then.
import { existsSync, writeFileSync } from "node:fs";
import { setTimeout } from "node:timers/promises";

export const handler = awslambda.streamifyResponse(async (event, stream) => {
  const asked = event.queryStringParameters ?? {};
  if (asked.head) {
    stream = awslambda.HttpResponseStream.from(stream, {
      statusCode: 201,
      headers: { "Content-Type": "text/plain", "X-Asked": asked.head },
      cookies: ["a=b; Secure", "c=d"],
    });
  } else if (asked.type) {
    stream.setContentType(asked.type);
  }
  if (asked.then === "nothing") return stream.end();
  stream.write("one");
  if (asked.wait) {
    writeFileSync("/tmp/at-one", "");
    while (!existsSync("/tmp/go-one")) await setTimeout(5);
  }
  if (asked.then === "throw") throw new Error("in the middle");
  if (asked.then === "exit") process.exit(3);
  if (asked.then === "mark") writeFileSync("/tmp/marked", "");
  stream.write("two");
  stream.end();
  await stream.finished?.();
});
