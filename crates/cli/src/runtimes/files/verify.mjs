// Loads the native module and looks at what a function of Node.js takes for granted.
import { createRequire } from "node:module";
import { execSync } from "node:child_process";
import { userInfo } from "node:os";
import dns from "node:dns/promises";

const client = createRequire("/var/runtime/aws-lambda-ric/dist/")("./rapid-client.node");
const checks = {
  "native module": () => typeof client.next === "function" && typeof client.done === "function",
  "time zones": () => Intl.supportedValuesOf("timeZone").length > 400,
  user: () => userInfo().username === "sbx_user1051",
  localhost: async () => (await dns.lookup("localhost", { family: 4 })).address === "127.0.0.1",
  shell: () => execSync("echo works").toString() === "works\n",
};
for (const [name, check] of Object.entries(checks)) {
  if (!(await check())) throw new Error(`${name}: not as expected`);
}
