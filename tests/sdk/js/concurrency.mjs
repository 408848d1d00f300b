// Concurrency: reservations that act, what is throttled as TooManyRequestsException with its Reason, account settings.
import assert from "node:assert/strict";
import { existsSync, writeFileSync } from "node:fs";
import { call, connect, refused, ROLE, sdk, settled, until, zipped } from "./support.mjs";

const NAME = "js-concurrency";
const CODE = `
import os, time
def handler(event, context):
    if event == "wait":
        open("/tmp/started", "w").close()
        while not os.path.exists("/tmp/go"):
            time.sleep(0.005)
    return "done"
`;
const REASON = "ReservedFunctionConcurrentInvocationLimitExceeded";
const reserve = (executions) =>
  call("PutFunctionConcurrency", { FunctionName: NAME, ReservedConcurrentExecutions: executions });
const reserved = () =>
  call("GetFunctionConcurrency", { FunctionName: NAME }).then((answer) => answer.ReservedConcurrentExecutions);
const invoke = (payload) => call("Invoke", { FunctionName: NAME, Payload: JSON.stringify(payload) });

/** The folder /tmp of the environment whose handler waits, as root on the host sees it. */
const waiting = () =>
  until("the handler", async () => {
    const { environments } = await (await fetch(`${process.env.HEARTH_ENDPOINT}/_hearth/environments`)).json();
    const folders = environments.map((row) => `/proc/${row.pid}/root/tmp`);
    return folders.find((folder) => existsSync(`${folder}/started`));
  });

async function throttled(promise) {
  const error = await refused(promise, "TooManyRequestsException", 429);
  assert.deepEqual([error.Reason, error.Type, error.message], [REASON, "User", "Rate Exceeded."]);
}

export const steps = {
  async "create"() {
    await call("CreateFunction", {
      FunctionName: NAME,
      Runtime: "python3.11",
      Handler: "app.handler",
      Role: ROLE,
      Timeout: 60,
      Code: { ZipFile: zipped({ "app.py": CODE }) },
    });
    await settled("FunctionActiveV2", NAME);
    assert.equal(await reserved(), undefined);
  },

  async "what is beyond a reservation is throttled"() {
    assert.equal((await reserve(1)).ReservedConcurrentExecutions, 1);
    const running = invoke("wait");
    const folder = await waiting();
    try {
      await throttled(invoke("now"));
    } finally {
      writeFileSync(`${folder}/go`, "");
    }
    assert.equal((await running).Payload.transformToString(), '"done"');
    assert.equal((await invoke("now")).StatusCode, 200, "one after the other is not");
  },

  async "a reservation of 0 stops a function"() {
    await reserve(0);
    assert.equal(await reserved(), 0);
    assert.equal((await call("GetFunction", { FunctionName: NAME })).Concurrency.ReservedConcurrentExecutions, 0);
    await throttled(invoke("now"));
    const dry = await call("Invoke", { FunctionName: NAME, InvocationType: "DryRun" });
    assert.equal(dry.StatusCode, 204);
    // With its usual settings the SDK knows it as a throttle, and asks three times.
    const usual = connect({ maxAttempts: 3 });
    const invoking = usual.send(new sdk.InvokeCommand({ FunctionName: NAME }));
    const error = await refused(invoking, "TooManyRequestsException", 429);
    assert.equal(error.$metadata.attempts, 3);
    await call("DeleteFunctionConcurrency", { FunctionName: NAME });
    assert.equal((await invoke("now")).StatusCode, 200);
  },

  async "account settings"() {
    const limits = async () => (await call("GetAccountSettings")).AccountLimit;
    const { ConcurrentExecutions, UnreservedConcurrentExecutions } = await limits();
    assert.deepEqual([ConcurrentExecutions, UnreservedConcurrentExecutions], [1000, 1000]);
    assert.equal((await call("GetAccountSettings")).AccountUsage.FunctionCount, 1);
    await reserve(900);
    assert.equal((await limits()).UnreservedConcurrentExecutions, 100);
    await refused(reserve(901), "InvalidParameterValueException", 400);
    await call("DeleteFunction", { FunctionName: NAME });
    assert.equal((await limits()).UnreservedConcurrentExecutions, 1000);
    await refused(reserve(1), "ResourceNotFoundException", 404);
  },
};
