// Starts work that needs 6 s, does not wait for it, and answers after 5 s. Lambda freezes the environment as soon as
// the answer is out and nothing else is due, so the last second of the work happens in the next invoke, however much
// later that comes. This holds for any promise a handler leaves unawaited.
import { setTimeout as sleep } from 'node:timers/promises';

let invokes = 0;

async function work(invoke) {
  const started = Date.now();
  let gap = 0;
  for (let step = 0, last = started; step < 60; step += 1) {
    await sleep(100);
    gap = Math.max(gap, Date.now() - last);
    last = Date.now();
  }
  const seconds = (ms) => (ms / 1000).toFixed(1);
  console.log(
    `background: work of invoke ${invoke} is done ${seconds(Date.now() - started)} s after its start; ` +
      `between two of its steps passed ${seconds(gap)} s`,
  );
}

export const handler = async () => {
  invokes += 1;
  const invoke = invokes;
  console.log(`handler: invoke ${invoke} starts 60 steps of 0.1 s and does not wait for them`);
  work(invoke);
  await sleep(5000);
  console.log(`handler: invoke ${invoke} returns after 5 s`);
  return { invoke };
};
