// Functions: created with layers and tags, invoked in every way, updated, deleted; refusals as the SDK's classes.
import assert from "node:assert/strict";
import { ACCOUNT, call, pages, refused, REGION, ROLE, settled, zipped } from "./support.mjs";

const NAME = "from-the-js-sdk";
const ARN = `arn:aws:lambda:${REGION}:${ACCOUNT}:function:${NAME}`;
const CODE = `
import os, word
def handler(event, context):
    print("ran")
    if event == "fail":
        raise ValueError("asked to")
    custom = context.client_context.custom if context.client_context else None
    return [event, word.WORD, os.environ.get("SIDE"), custom]
`;
// Of an empty body the SDK makes null.
const text = (answer) => answer.Payload?.transformToString() ?? "";
const create = (more) =>
  call("CreateFunction", {
    FunctionName: NAME,
    Runtime: "python3.11",
    Handler: "app.handler",
    Role: ROLE,
    Code: { ZipFile: zipped({ "app.py": CODE }) },
    ...more,
  });
let layer;

export const steps = {
  async "create with a layer and tags"() {
    layer = await call("PublishLayerVersion", {
      LayerName: "word",
      Content: { ZipFile: zipped({ "python/word.py": 'WORD = "from the layer"' }) },
    });
    const created = await create({ MemorySize: 256, Layers: [layer.LayerVersionArn], Tags: { team: "a" } });
    assert.equal(created.$metadata.httpStatusCode, 201);
    assert.deepEqual([created.FunctionArn, created.State, created.Version], [ARN, "Pending", "$LATEST"]);
    assert.deepEqual(created.Layers, [{ Arn: layer.LayerVersionArn, CodeSize: layer.Content.CodeSize }]);
    await settled("FunctionActiveV2", NAME);
  },

  async "get and list"() {
    const got = await call("GetFunction", { FunctionName: NAME });
    assert.deepEqual([got.Configuration.MemorySize, got.Configuration.Timeout], [256, 3]);
    assert.deepEqual(got.Tags, { team: "a" });
    const package_ = await fetch(got.Code.Location);
    assert.deepEqual(Buffer.from(await package_.arrayBuffer()), zipped({ "app.py": CODE }));
    const listed = (await pages("ListFunctions", {}, 1)).flatMap((page) => page.Functions);
    assert.deepEqual(listed.map((one) => one.FunctionName), [NAME]);
  },

  async "invoke and wait"() {
    const context = Buffer.from(JSON.stringify({ custom: { from: "js" } })).toString("base64");
    const answer = await call("Invoke", {
      FunctionName: NAME,
      Payload: JSON.stringify({ a: "\u{1f525}" }),
      LogType: "Tail",
      ClientContext: context,
    });
    assert.deepEqual([answer.StatusCode, answer.FunctionError, answer.ExecutedVersion], [200, undefined, "$LATEST"]);
    assert.deepEqual(JSON.parse(text(answer)), [{ a: "\u{1f525}" }, "from the layer", null, { from: "js" }]);
    const log = Buffer.from(answer.LogResult, "base64").toString();
    assert.match(log, new RegExp(`START RequestId: ${answer.$metadata.requestId} [^]*ran\n[^]*REPORT RequestId: `));
  },

  async "a function's error is an answer"() {
    const answer = await call("Invoke", { FunctionName: NAME, Payload: '"fail"' });
    assert.deepEqual([answer.StatusCode, answer.FunctionError], [200, "Unhandled"]);
    const { errorMessage, errorType } = JSON.parse(text(answer));
    assert.deepEqual([errorType, errorMessage], ["ValueError", "asked to"]);
  },

  async "invoke as an event, and dry"() {
    const event = await call("Invoke", { FunctionName: NAME, InvocationType: "Event", Payload: "{}" });
    assert.deepEqual([event.StatusCode, text(event), event.ExecutedVersion], [202, "", undefined]);
    const dry = await call("Invoke", { FunctionName: NAME, InvocationType: "DryRun" });
    assert.deepEqual([dry.StatusCode, text(dry)], [204, ""]);
  },

  async "update configuration and code"() {
    const before = await call("GetFunctionConfiguration", { FunctionName: NAME });
    const updated = await call("UpdateFunctionConfiguration", {
      FunctionName: NAME,
      RevisionId: before.RevisionId,
      Environment: { Variables: { SIDE: "new" } },
    });
    assert.equal(updated.LastUpdateStatus, "InProgress");
    await settled("FunctionUpdatedV2", NAME);
    const answer = await call("Invoke", { FunctionName: NAME, Payload: "1" });
    assert.deepEqual(JSON.parse(text(answer)), [1, "from the layer", "new", null]);
    await call("UpdateFunctionConfiguration", { FunctionName: NAME, Layers: [] });
    await settled("FunctionUpdatedV2", NAME);
    const code = zipped({ "app.py": 'def handler(event, context): return "replaced"' });
    const replaced = await call("UpdateFunctionCode", { FunctionName: NAME, ZipFile: code });
    assert.equal(replaced.Layers, undefined);
    await settled("FunctionUpdatedV2", NAME);
    assert.equal(text(await call("Invoke", { FunctionName: NAME })), '"replaced"');
  },

  async "tags"() {
    await call("TagResource", { Resource: ARN, Tags: { stage: "b", "with space": "é=+-:/@" } });
    await call("UntagResource", { Resource: ARN, TagKeys: ["team", "absent"] });
    const { Tags } = await call("ListTags", { Resource: ARN });
    assert.deepEqual(Tags, { stage: "b", "with space": "é=+-:/@" });
    await refused(call("ListTags", { Resource: `${ARN}x` }), "ResourceNotFoundException", 404);
    const many = Object.fromEntries(Array.from({ length: 51 }, (_, n) => [`k${n}`, ""]));
    await refused(call("TagResource", { Resource: ARN, Tags: many }), "InvalidParameterValueException", 400);
  },

  async "what tools read of a plain function"() {
    assert.equal((await call("GetFunctionCodeSigningConfig", { FunctionName: NAME })).CodeSigningConfigArn, undefined);
    assert.equal((await call("GetRuntimeManagementConfig", { FunctionName: NAME })).UpdateRuntimeOn, "Auto");
    assert.equal((await call("GetFunctionRecursionConfig", { FunctionName: NAME })).RecursiveLoop, "Terminate");
    for (const operation of ["GetPolicy", "GetFunctionUrlConfig", "GetFunctionEventInvokeConfig"]) {
      await refused(call(operation, { FunctionName: NAME }), "ResourceNotFoundException", 404);
    }
  },

  async "a policy"() {
    const permission = { FunctionName: NAME, StatementId: "events", Principal: "events.amazonaws.com" };
    const { Statement } = await call("AddPermission", { ...permission, Action: "lambda:InvokeFunction" });
    const policy = JSON.parse((await call("GetPolicy", { FunctionName: NAME })).Policy);
    assert.deepEqual(policy.Statement, [JSON.parse(Statement)]);
    const again = call("AddPermission", { ...permission, Action: "lambda:InvokeFunction" });
    await refused(again, "ResourceConflictException", 409);
    await call("RemovePermission", { FunctionName: NAME, StatementId: "events" });
  },

  async "errors are the SDK's classes"() {
    const absent = await refused(call("Invoke", { FunctionName: "absent" }), "ResourceNotFoundException", 404);
    assert.equal(absent.message, `Function not found: ${ARN.replace(NAME, "absent")}:$LATEST`);
    assert.deepEqual([absent.Type, absent.$fault], ["User", "client"]);
    const twice = await refused(create(), "ResourceConflictException", 409);
    assert.equal(twice.message, `Function already exist: ${NAME}`);
    const notJson = call("Invoke", { FunctionName: NAME, Payload: "{" });
    await refused(notJson, "InvalidRequestContentException", 400);
    // The service's model lacks these two: the SDK has no class of its own for them.
    const large = call("Invoke", { FunctionName: NAME, Payload: JSON.stringify("x".repeat(6_291_456)) });
    await refused(large, "RequestEntityTooLargeException", 413);
    const small = call("UpdateFunctionConfiguration", { FunctionName: NAME, MemorySize: 64 });
    await refused(small, "ValidationException", 400);
    const stale = call("UpdateFunctionConfiguration", { FunctionName: NAME, RevisionId: "stale", Timeout: 4 });
    await refused(stale, "PreconditionFailedException", 412);
    const noZip = call("UpdateFunctionCode", { FunctionName: NAME, ZipFile: Buffer.from("no zip") });
    await refused(noZip, "InvalidParameterValueException", 400);
    const layers = Array.from({ length: 6 }, (_, n) => layer.LayerVersionArn.replace(":word:", `:word${n}:`));
    const six = call("UpdateFunctionConfiguration", { FunctionName: NAME, Layers: layers });
    const { message } = await refused(six, "InvalidParameterValueException", 400);
    assert.equal(message, "Cannot reference more than 5 layers.");
  },

  async "delete"() {
    const deleted = await call("DeleteFunction", { FunctionName: NAME });
    assert.equal(deleted.$metadata.httpStatusCode, 204);
    await refused(call("GetFunction", { FunctionName: NAME }), "ResourceNotFoundException", 404);
    await call("DeleteLayerVersion", { LayerName: "word", VersionNumber: layer.Version });
  },
};
