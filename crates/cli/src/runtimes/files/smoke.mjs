import { LambdaClient } from "@aws-sdk/client-lambda";

export const handler = async (event, context) => ({
  echo: event.say,
  request: typeof LambdaClient === "function" ? context.awsRequestId : "no SDK",
});
