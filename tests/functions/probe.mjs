// Runs what the test sends: `run` is JavaScript whose result is the answer. `state` lives as long as the environment.
import fs from "node:fs";
import os from "node:os";
import v8 from "node:v8";

const AsyncFunction = (async () => {}).constructor;
const state = { invokes: 0 };
const pause = (ms) => new Promise((done) => setTimeout(done, ms));
const reach = (name) => fs.writeFileSync(`/tmp/${name}`, "");
const awaitRelease = async (name) => {
  while (!fs.existsSync(`/tmp/${name}`)) await pause(5);
};

export const handler = async (event, context) => {
  state.invokes += 1;
  const tools = { event, context, state, fs, os, v8, process, pause, reach, awaitRelease };
  return new AsyncFunction(...Object.keys(tools), event.run ?? "")(...Object.values(tools));
};
