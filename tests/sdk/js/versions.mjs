// Versions and aliases: published, weighted, and named in every form that a function can be named in.
import assert from "node:assert/strict";
import { ACCOUNT, call, pages, refused, REGION, ROLE, settled, zipped } from "./support.mjs";

const NAME = "js-versions";
const ARN = `arn:aws:lambda:${REGION}:${ACCOUNT}:function:${NAME}`;
const saying = (word) =>
  zipped({
    "index.mjs": `export const handler = async (event, context) =>
      ["${word}", context.functionVersion, context.invokedFunctionArn];`,
  });

/** [word, version, invoked ARN] of an invoke, checked against what the answer's head says. */
async function invoked(FunctionName, Qualifier) {
  const answer = await call("Invoke", { FunctionName, Qualifier });
  const told = JSON.parse(answer.Payload.transformToString());
  assert.equal(answer.ExecutedVersion, told[1]);
  return told;
}

export const steps = {
  async "publish"() {
    await call("CreateFunction", {
      FunctionName: NAME,
      Runtime: "nodejs20.x",
      Handler: "index.handler",
      Role: ROLE,
      Code: { ZipFile: saying("one") },
    });
    await settled("FunctionActiveV2", NAME);
    const first = await call("PublishVersion", { FunctionName: NAME, Description: "first" });
    assert.deepEqual([first.Version, first.FunctionArn, first.Description], ["1", `${ARN}:1`, "first"]);
    const again = await call("PublishVersion", { FunctionName: NAME });
    assert.equal(again.Version, "1", "nothing has changed");
    await call("UpdateFunctionCode", { FunctionName: NAME, ZipFile: saying("two") });
    await settled("FunctionUpdatedV2", NAME);
    const other = call("PublishVersion", { FunctionName: NAME, CodeSha256: first.CodeSha256 });
    await refused(other, "InvalidParameterValueException", 400);
    const stale = call("PublishVersion", { FunctionName: NAME, RevisionId: first.RevisionId });
    await refused(stale, "PreconditionFailedException", 412);
    assert.equal((await call("PublishVersion", { FunctionName: NAME })).Version, "2");
    const listed = await pages("ListVersionsByFunction", { FunctionName: NAME }, 1);
    assert.deepEqual(listed.flatMap((page) => page.Versions).map((one) => one.Version), ["$LATEST", "1", "2"]);
  },

  async "alias"() {
    const alias = { FunctionName: NAME, Name: "prod" };
    const created = await call("CreateAlias", { ...alias, FunctionVersion: "1", Description: "live" });
    assert.deepEqual([created.AliasArn, created.FunctionVersion], [`${ARN}:prod`, "1"]);
    await refused(call("CreateAlias", { ...alias, FunctionVersion: "1" }), "ResourceConflictException", 409);
    const toNothing = call("CreateAlias", { ...alias, Name: "x", FunctionVersion: "9" });
    await refused(toNothing, "ResourceNotFoundException", 404);
    assert.equal((await call("GetAlias", alias)).Description, "live");
    await call("CreateAlias", { FunctionName: NAME, Name: "next", FunctionVersion: "2" });
    const names = async (more) => {
      const listed = await pages("ListAliases", { FunctionName: NAME, ...more }, 1);
      return listed.flatMap((page) => page.Aliases.map((one) => one.Name)).sort();
    };
    assert.deepEqual(await names(), ["next", "prod"]);
    assert.deepEqual(await names({ FunctionVersion: "2" }), ["next"]);
    await call("DeleteAlias", { FunctionName: NAME, Name: "next" });
    await refused(call("GetAlias", { FunctionName: NAME, Name: "next" }), "ResourceNotFoundException", 404);
  },

  async "every form of a name"() {
    const partial = `${ACCOUNT}:function:${NAME}`;
    for (const name of [NAME, partial, ARN]) {
      assert.deepEqual(await invoked(name), ["two", "$LATEST", ARN]);
      assert.deepEqual(await invoked(`${name}:$LATEST`), ["two", "$LATEST", `${ARN}:$LATEST`]);
      for (const qualifier of ["1", "prod"]) {
        const expected = ["one", "1", `${ARN}:${qualifier}`];
        assert.deepEqual(await invoked(`${name}:${qualifier}`), expected);
        assert.deepEqual(await invoked(name, qualifier), expected);
        assert.deepEqual(await invoked(`${name}:${qualifier}`, qualifier), expected);
        const read = await call("GetFunctionConfiguration", { FunctionName: name, Qualifier: qualifier });
        assert.deepEqual([read.FunctionArn, read.Version], [`${ARN}:${qualifier}`, "1"]);
      }
      const torn = call("Invoke", { FunctionName: `${name}:1`, Qualifier: "prod" });
      await refused(torn, "InvalidParameterValueException", 400);
      const absent = await refused(call("Invoke", { FunctionName: `${name}:9` }), "ResourceNotFoundException", 404);
      assert.equal(absent.message, `Function not found: ${ARN}:9`);
    }
    const elsewhere = call("Invoke", { FunctionName: ARN.replace(REGION, "us-west-2") });
    await refused(elsewhere, "ResourceNotFoundException", 404);
  },

  async "an alias with weights"() {
    const alias = { FunctionName: NAME, Name: "prod" };
    const weigh = (version, weight) =>
      call("UpdateAlias", { ...alias, RoutingConfig: { AdditionalVersionWeights: { [version]: weight } } });
    const split = await weigh("2", 0.5);
    assert.deepEqual(split.RoutingConfig, { AdditionalVersionWeights: { 2: 0.5 } });
    const seen = new Set();
    // That all of a hundred go one way happens once in 10^29 runs.
    for (let n = 0; n < 100; n += 1) seen.add((await invoked(NAME, "prod"))[1]);
    assert.deepEqual([...seen].sort(), ["1", "2"]);
    await refused(weigh("2", 1.5), "ValidationException", 400);
    await refused(weigh("$LATEST", 0.5), "ValidationException", 400);
    await refused(weigh("9", 0.5), "ResourceNotFoundException", 404);
    const whole = await call("UpdateAlias", { ...alias, FunctionVersion: "2", RoutingConfig: {} });
    assert.deepEqual([whole.FunctionVersion, whole.RoutingConfig], ["2", undefined]);
    assert.deepEqual(await invoked(NAME, "prod"), ["two", "2", `${ARN}:prod`]);
  },

  async "delete"() {
    const inUse = call("DeleteFunction", { FunctionName: NAME, Qualifier: "2" });
    await refused(inUse, "ResourceConflictException", 409);
    await call("DeleteFunction", { FunctionName: NAME, Qualifier: "1" });
    await refused(call("Invoke", { FunctionName: NAME, Qualifier: "1" }), "ResourceNotFoundException", 404);
    assert.deepEqual((await invoked(NAME, "prod"))[1], "2", "the other stays");
    await call("DeleteFunction", { FunctionName: NAME });
    await refused(call("GetAlias", { FunctionName: NAME, Name: "prod" }), "ResourceNotFoundException", 404);
  },
};
