// Streams as the event says: {chunks, wait, fill, then}. Between its chunks it says in /tmp where it is, and waits.
import { existsSync, writeFileSync } from "node:fs";
import { setTimeout } from "node:timers/promises";

let invokes = 0;

async function barrier(name) {
  writeFileSync(`/tmp/at-${name}`, "");
  while (!existsSync(`/tmp/go-${name}`)) await setTimeout(5);
}

export const handler = awslambda.streamifyResponse(async (event, stream, context) => {
  invokes += 1;
  console.log(`streams ${event.chunks?.length ?? 0} chunks`);
  if (event.before) throw new Error(event.before);
  for (const chunk of event.chunks ?? []) {
    stream.write(chunk);
    if (event.wait) await barrier(chunk);
  }
  for (let left = event.fill ?? 0; left > 0; left -= 65536) {
    if (!stream.write("x".repeat(Math.min(left, 65536)))) await new Promise((go) => stream.once("drain", go));
  }
  if (event.filled) writeFileSync(`/tmp/${event.filled}`, "");
  if (event.then === "throw") throw new Error("in the middle");
  if (event.then === "exit") process.exit(3);
  if (event.then === "hang") await new Promise(() => setInterval(() => {}, 1000));
  if (event.then === "count") stream.write(String(invokes));
  stream.end();
  await stream.finished?.();
});
