// Answers with what a function can see of how Node.js was started.
import fs from "node:fs";
import { createRequire } from "node:module";
import os from "node:os";
import { Worker } from "node:worker_threads";
import v8 from "node:v8";

const require = createRequire(import.meta.url);
const atImport = {
  argv: process.argv,
  execArgv: process.execArgv,
  environment: Object.entries(process.env).map((pair) => pair.join("=")).sort(),
  main: [typeof require.main, typeof process.mainModule],
  globalPaths: require("node:module").globalPaths,
  loaded: Object.keys(require.cache).sort(),
  globals: Object.getOwnPropertyNames(globalThis).sort(),
};

const kind = (number) => {
  try {
    return fs.readlinkSync(`/proc/self/fd/${number}`).split(":")[0];
  } catch {
    return "gone"; // that of the listing itself
  }
};

export const handler = async () => {
  const status = fs.readFileSync("/proc/self/status", "utf8").split("\n");
  const seen = {
    ...atImport,
    cwd: process.cwd(),
    descriptors: fs.readdirSync("/proc/self/fd").map(kind).sort(),
    heap: v8.getHeapStatistics().heap_size_limit,
    memory: os.totalmem(),
    title: process.title,
    zone: new Date(0).toString(),
    status: status.filter((line) => /^(Uid|Gid|Sig|Cap|Seccomp|NoNewPrivs)/.test(line)),
    limits: fs.readFileSync("/proc/self/limits", "utf8"),
    tmp: fs.readdirSync("/tmp"),
    mounts: fs.readFileSync("/proc/self/mountinfo", "utf8").trim().split("\n").map((line) => line.split(" ")[4]).sort(),
    umask: process.umask(),
    listeners: process.eventNames().map(String).sort(),
  };
  const worker = new Worker("require('worker_threads').parentPort.postMessage(process.execArgv)", { eval: true });
  return { ...seen, worker: await new Promise((resolve) => worker.on("message", resolve)) };
};
