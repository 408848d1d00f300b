// A web service on Express and sharp, behind API Gateway's events.
import express from "express";
import serverless from "serverless-http";
import sharp from "sharp";

const app = express();
app.use(express.json());

app.get("/hello/:name", (request, response) => {
  response.type("text").send(`hello, ${request.params.name}, ${request.query.greeting ?? "good day"}`);
});

// The negative of a picture that has these points: libvips, which the package brings.
app.post("/native", async (request, response) => {
  const { points } = request.body;
  const picture = sharp(Buffer.from(points), { raw: { width: points.length, height: 1, channels: 1 } });
  response.json([...(await picture.negate().toColourspace("b-w").raw().toBuffer())]);
});

app.get("/binary", async (request, response) => {
  const picture = sharp({ create: { width: 64, height: 64, channels: 3, background: "#f80" } });
  response.type("application/octet-stream").send(await picture.png().toBuffer());
});

app.get("/fail", () => {
  throw new Error("asked to");
});

export const handler = serverless(app, { binary: ["application/octet-stream"] });
