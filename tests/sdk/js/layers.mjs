// Layers: published, read by name and by ARN, listed by page, shared by policy, deleted.
import assert from "node:assert/strict";
import { ACCOUNT, call, connect, pages, refused, REGION, sdk, zipped } from "./support.mjs";

const NAME = "js-layer";
const ARN = `arn:aws:lambda:${REGION}:${ACCOUNT}:layer:${NAME}`;
const CONTENT = zipped({ "nodejs/node_modules/dep/index.js": "module.exports = 7;" });
const at = (number) => ({ LayerName: NAME, VersionNumber: number });

export const steps = {
  async "publish"() {
    const first = await call("PublishLayerVersion", {
      LayerName: NAME,
      Description: "seven",
      LicenseInfo: "MIT",
      Content: { ZipFile: CONTENT },
      CompatibleRuntimes: ["nodejs20.x", "nodejs22.x"],
      CompatibleArchitectures: ["x86_64"],
    });
    assert.equal(first.$metadata.httpStatusCode, 201);
    assert.deepEqual([first.LayerArn, first.LayerVersionArn, first.Version], [ARN, `${ARN}:1`, 1]);
    assert.equal(first.Content.CodeSize, CONTENT.length);
    const second = await call("PublishLayerVersion", { LayerName: NAME, Content: { ZipFile: zipped({ mark: "2" }) } });
    assert.equal(second.Version, 2);
  },

  async "get by name and by ARN"() {
    const byName = await call("GetLayerVersion", at(1));
    assert.deepEqual([byName.Description, byName.LicenseInfo], ["seven", "MIT"]);
    assert.deepEqual(byName.CompatibleRuntimes, ["nodejs20.x", "nodejs22.x"]);
    const content = await fetch(byName.Content.Location);
    assert.deepEqual(Buffer.from(await content.arrayBuffer()), CONTENT);
    const byArn = await call("GetLayerVersionByArn", { Arn: `${ARN}:1` });
    assert.equal(byArn.Content.CodeSha256, byName.Content.CodeSha256);
    assert.equal(byArn.LayerVersionArn, `${ARN}:1`);
  },

  async "list"() {
    const versions = await pages("ListLayerVersions", { LayerName: NAME }, 1);
    assert.deepEqual(versions.flatMap((page) => page.LayerVersions).map((one) => one.Version), [2, 1]);
    assert.ok(versions.length >= 2, "a row a page");
    const [layers] = await pages("ListLayers", {}, 50);
    assert.deepEqual(layers.Layers.map((one) => [one.LayerName, one.LatestMatchingVersion.Version]), [[NAME, 2]]);
    const matching = await call("ListLayers", { CompatibleRuntime: "nodejs22.x" });
    assert.equal(matching.Layers[0].LatestMatchingVersion.Version, 1);
    assert.deepEqual((await call("ListLayers", { CompatibleRuntime: "python3.13" })).Layers, []);
  },

  async "share"() {
    const friend = connect({ credentials: { accessKeyId: "666666666666", secretAccessKey: "secret" } });
    const read = () => friend.send(new sdk.GetLayerVersionByArnCommand({ Arn: `${ARN}:1` }));
    // Not in the service's model: AWS's front door says it.
    await refused(read(), "AccessDeniedException", 403);
    const action = "lambda:GetLayerVersion";
    await call("AddLayerVersionPermission", { ...at(1), StatementId: "s", Action: action, Principal: "666666666666" });
    assert.equal((await read()).Version, 1);
    const { Policy } = await call("GetLayerVersionPolicy", at(1));
    assert.deepEqual(JSON.parse(Policy).Statement.map((one) => [one.Sid, one.Resource]), [["s", `${ARN}:1`]]);
    await call("RemoveLayerVersionPermission", { ...at(1), StatementId: "s" });
    await refused(read(), "AccessDeniedException", 403);
    await refused(call("GetLayerVersionPolicy", at(1)), "ResourceNotFoundException", 404);
  },

  async "delete"() {
    for (const number of [1, 2]) {
      const deleted = await call("DeleteLayerVersion", at(number));
      assert.equal(deleted.$metadata.httpStatusCode, 204);
      await refused(call("GetLayerVersion", at(number)), "ResourceNotFoundException", 404);
    }
    await call("DeleteLayerVersion", at(1)); // no error, as on AWS
    assert.deepEqual((await call("ListLayerVersions", { LayerName: NAME })).LayerVersions, []);
    const third = await call("PublishLayerVersion", { LayerName: NAME, Content: { ZipFile: CONTENT } });
    assert.equal(third.Version, 3, "numbers are not used twice");
    await call("DeleteLayerVersion", at(3));
  },
};
