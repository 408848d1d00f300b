// What the steps share: the SDK out of the folder that `tests/sdk/run` installed it to, one client, packages, waiting.
import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { setTimeout } from "node:timers/promises";
import { crc32 } from "node:zlib";

export const sdk = createRequire(`${process.env.HEARTH_SDK_JS}/`)("@aws-sdk/client-lambda");

export const REGION = "eu-central-1";
export const ACCOUNT = "555555555555";
export const ROLE = `arn:aws:iam::${ACCOUNT}:role/any`;
// A bound on waiting for a state, not a measurement.
const PATIENCE_S = 30;

export const connect = (settings = {}) =>
  new sdk.LambdaClient({
    endpoint: process.env.HEARTH_ENDPOINT,
    region: REGION,
    credentials: { accessKeyId: ACCOUNT, secretAccessKey: "secret" },
    maxAttempts: 1,
    ...settings,
  });

const client = connect();

/** Makes one call: `call("Invoke", {...})`. */
export const call = (operation, input = {}) => client.send(new sdk[`${operation}Command`](input));

/** All pages of a listing, `size` rows a page, as the SDK's paginator walks them. */
export async function pages(operation, input, size) {
  const found = [];
  for await (const page of sdk[`paginate${operation}`]({ client, pageSize: size }, input)) found.push(page);
  return found;
}

/** The SDK's own waiter: `settled("FunctionActiveV2", name)`. */
export const settled = (state, name) =>
  sdk[`waitUntil${state}`]({ client, maxWaitTime: PATIENCE_S, minDelay: 0.05, maxDelay: 0.1 }, { FunctionName: name });

/** Polls until the condition's value is true, and gives it. */
export async function until(what, condition) {
  const deadline = performance.now() + PATIENCE_S * 1000;
  for (;;) {
    const value = await condition();
    if (value) return value;
    assert.ok(performance.now() < deadline, `waited ${PATIENCE_S} s for ${what}`);
    await setTimeout(5);
  }
}

/** The error that a call must meet: an instance of the SDK's class of that name, with this status. */
export async function refused(promise, name, status) {
  const error = await promise.then(
    (answer) => assert.fail(`expected ${name}, got ${JSON.stringify(answer)}`),
    (error) => error,
  );
  assert.ok(error instanceof (sdk[name] ?? sdk.LambdaServiceException), `expected ${name}, got ${error.stack}`);
  assert.equal(error.name, name);
  assert.equal(error.$metadata.httpStatusCode, status);
  assert.match(error.$metadata.requestId, /^[0-9a-f-]{36}$/);
  return error;
}

/** A zip of {name: text}, stored: Node.js can compress, but it has no archives. */
export function zipped(files) {
  const entries = [];
  const directory = [];
  let offset = 0;
  for (const [name, text] of Object.entries(files)) {
    const [path, data] = [Buffer.from(name), Buffer.from(text)];
    // Version 2.0, no flags, stored, no time; then checksum, both sizes, the name's length, nothing extra.
    const common = Buffer.alloc(26);
    common.writeUInt16LE(20, 0);
    common.writeUInt32LE(crc32(data), 10);
    common.writeUInt32LE(data.length, 14);
    common.writeUInt32LE(data.length, 18);
    common.writeUInt16LE(path.length, 22);
    entries.push(Buffer.from("PK\x03\x04"), common, path, data);
    // Made by version 2.0; no comment, first disk, no attributes.
    const rest = Buffer.alloc(14);
    rest.writeUInt32LE(offset, 10);
    directory.push(Buffer.from("PK\x01\x02\x14\x00"), common, rest, path);
    offset += 30 + path.length + data.length;
  }
  const listing = Buffer.concat(directory);
  const end = Buffer.alloc(18);
  end.writeUInt16LE(Object.keys(files).length, 4);
  end.writeUInt16LE(Object.keys(files).length, 6);
  end.writeUInt32LE(listing.length, 8);
  end.writeUInt32LE(offset, 12);
  return Buffer.concat([...entries, listing, Buffer.from("PK\x05\x06"), end]);
}
