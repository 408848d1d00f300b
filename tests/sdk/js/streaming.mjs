// Streaming: the SDK reads events as they come, before the handler ends, and hears in InvokeComplete how it ended.
import assert from "node:assert/strict";
import { existsSync, writeFileSync } from "node:fs";
import { call, refused, ROLE, settled, until, zipped } from "./support.mjs";

const NAME = "js-streaming";
const CODE = `
import { existsSync, writeFileSync } from "node:fs";
export const handler = awslambda.streamifyResponse(async (event, stream) => {
  stream.write("one");
  if (event === "throw") throw new Error("in the middle");
  writeFileSync("/tmp/started", "");
  while (!existsSync("/tmp/go")) await new Promise((go) => setTimeout(go, 5));
  stream.write("two");
  stream.end();
});
`;
const stream = async (payload) => {
  const answer = await call("InvokeWithResponseStream", { FunctionName: NAME, Payload: JSON.stringify(payload) });
  return answer.EventStream[Symbol.asyncIterator]();
};
const text = ({ value }) => Buffer.from(value.PayloadChunk.Payload).toString();

export const steps = {
  async "create"() {
    await call("CreateFunction", {
      FunctionName: NAME,
      Runtime: "nodejs20.x",
      Handler: "index.handler",
      Role: ROLE,
      Timeout: 60,
      Code: { ZipFile: zipped({ "index.mjs": CODE }) },
    });
    await settled("FunctionActiveV2", NAME);
  },

  async "the first chunk comes before the handler ends"() {
    const events = await stream("wait");
    assert.equal(text(await events.next()), "one");
    // As root on the host: the handler waits for a file in its /tmp.
    const folder = await until("the handler", async () => {
      const { environments } = await (await fetch(`${process.env.HEARTH_ENDPOINT}/_hearth/environments`)).json();
      const folders = environments.map((row) => `/proc/${row.pid}/root/tmp`);
      return folders.find((folder) => existsSync(`${folder}/started`));
    });
    writeFileSync(`${folder}/go`, "");
    assert.equal(text(await events.next()), "two");
    assert.deepEqual((await events.next()).value.InvokeComplete, {});
    assert.equal((await events.next()).done, true);
  },

  async "an error in the middle is in InvokeComplete"() {
    const events = await stream("throw");
    assert.equal(text(await events.next()), "one");
    const { ErrorCode, ErrorDetails } = (await events.next()).value.InvokeComplete;
    assert.equal(ErrorCode, "Unhandled");
    assert.equal(JSON.parse(ErrorDetails).errorMessage, "in the middle");
    await call("DeleteFunction", { FunctionName: NAME });
    await refused(stream("gone"), "ResourceNotFoundException", 404);
  },
};
