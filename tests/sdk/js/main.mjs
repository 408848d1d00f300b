// Drives a running service with the AWS SDK for JavaScript v3: functions, layers, versions, aliases, tags, concurrency, streams.
//
// The service is at HEARTH_ENDPOINT, the SDK in HEARTH_SDK_JS; `tests/sdk/run` provides both. A program and not a test
// harness: the steps of a module build on each other, and its closing line is what scripts/test counts.
import * as concurrency from "./concurrency.mjs";
import * as functions from "./functions.mjs";
import * as layers from "./layers.mjs";
import * as streaming from "./streaming.mjs";
import * as versions from "./versions.mjs";

let [passed, failed] = [0, 0];
for (const [area, { steps }] of Object.entries({ functions, layers, versions, concurrency, streaming })) {
  for (const [name, step] of Object.entries(steps)) {
    try {
      await step();
      console.log(`ok      ${area}: ${name}`);
      passed += 1;
    } catch (error) {
      console.log(`FAILED  ${area}: ${name}: ${error.stack}`);
      failed += 1;
    }
  }
}
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed ? 1 : 0;
