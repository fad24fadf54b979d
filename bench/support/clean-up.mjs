// What was started is stopped, last first: at the end, after an error, and on Ctrl-C.
const steps = [];

export function whenDone(step) {
  steps.push(step);
}

export async function cleanUp() {
  for (let step = steps.pop(); step; step = steps.pop()) {
    await Promise.resolve()
      .then(step)
      .catch((error) => process.stderr.write(`clean-up: ${error.message}\n`));
  }
}

for (const signal of ['SIGINT', 'SIGTERM']) {
  process.once(signal, () => void cleanUp().then(() => process.exit(1)));
}
