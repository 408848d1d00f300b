// Loads the native module and looks at what a function of Node.js takes for granted.
import { createRequire } from "node:module";
import { execSync } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import { userInfo } from "node:os";
import dns from "node:dns/promises";

const require = createRequire("/var/runtime/");
const module = ["dist/", ""]
  .map((folder) => `/var/runtime/aws-lambda-ric/${folder}rapid-client.node`)
  .find((path) => existsSync(path));
const client = require(module);
const sdk = readdirSync("/var/runtime/node_modules/@aws-sdk").filter((name) => /^(client|lib)-/.test(name));
const checks = {
  "native module": () => typeof client.next === "function" && typeof client.done === "function",
  "AWS SDK": () => sdk.length >= 15 && sdk.every((name) => Object.keys(require(`@aws-sdk/${name}`)).length > 0),
  "time zones": () => Intl.supportedValuesOf("timeZone").length > 400,
  user: () => userInfo().username === "sbx_user1051",
  localhost: async () => (await dns.lookup("localhost", { family: 4 })).address === "127.0.0.1",
  shell: () => execSync("echo works").toString() === "works\n",
};
for (const [name, check] of Object.entries(checks)) {
  if (!(await check())) throw new Error(`${name}: not as expected`);
}
