// What was started is stopped, last first: at the end, after an error, and on Ctrl-C.
const steps = [];

/** A step may come when its work is done already; then it does nothing. */
export function whenDone(step) {
  steps.push(step);
}

let stopping;

/** Once, also when what is being measured fails because it is being stopped. */
export function cleanUp() {
  return (stopping ??= stopAll());
}

async function stopAll() {
  for (let step = steps.pop(); step; step = steps.pop()) {
    await Promise.resolve()
      .then(step)
      .catch((error) => process.stderr.write(`clean-up: ${error.message}\n`));
  }
}

/** For the process that starts the others. */
export function cleanUpWhateverHappens() {
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.once(signal, breakOff);
  process.on('uncaughtException', breakOff).on('unhandledRejection', breakOff);
}

function breakOff(reason) {
  process.stderr.write(`${reason?.stack ?? reason}\n`);
  void cleanUp().then(() => process.exit(1));
}
