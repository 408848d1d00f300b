// Starts AWS's own client. Its command-line program does the same, but first prints a line that no log on AWS has.
import { run } from "./aws-lambda-ric/dist/index.mjs";

await run(process.env.LAMBDA_TASK_ROOT, process.env._HANDLER);
