// Makes Node.js wait for its function: `node launch.mjs MAIN`, where MAIN is what starts AWS's client.
//
// What MAIN needs is loaded here. Then comes the word of what this process is to be, and MAIN is entered as if Node.js had
// been started with it, for that function.
import { createRequire } from "node:module";

// Not imported: that would load everything that can be had from it.
const fs = createRequire(import.meta.url)("fs");
process.argv.splice(1, 1);
const [, main] = process.argv;
const { env } = process;

if (main === "/var/runtime/index.mjs") {
  await import("/var/runtime/aws-lambda-ric/dist/index.mjs");
  const require = createRequire("/var/runtime/aws-lambda-ric/dist/");
  ["./rapid-client.node", "http"].forEach((name) => require(name));
} else {
  // Importing this client starts it: only what it loads itself.
  const require = createRequire(main);
  ["./rapid-client.node", "net", "http", "os", "path", "util", "worker_threads"].forEach((name) => require(name));
}

const socket = Number(env._HEARTH_ASSIGNMENT);
fs.writeSync(socket, ".");
const pieces = [];
for (;;) {
  const piece = Buffer.allocUnsafe(65536);
  const length = fs.readSync(socket, piece);
  if (length === 0) break;
  pieces.push(piece.subarray(0, length));
}
fs.closeSync(socket);
if (pieces.length === 0) process.exit(0); // whoever would have said it is gone
const { environment } = JSON.parse(Buffer.concat(pieces).toString());
// What else there is has been set by the start itself: the number of a descriptor, what a shell sets.
delete env._HEARTH_ASSIGNMENT;
delete env.AWS_LAMBDA_EXEC_WRAPPER;
for (const name of Object.keys(environment)) if (env[name] !== environment[name]) env[name] = environment[name];
process.chdir("/var/task");

await import(main);
