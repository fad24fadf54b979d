// Runs clean-up steps in reverse order: at the end, after an error, and on a signal.
const steps = [];

/** Steps must be idempotent: a benchmark may already have stopped the resource. */
export function onCleanUp(step) {
  steps.push(step);
}

let stopping;

/** Runs the steps once, even if stopping makes the running benchmark fail. */
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

/** Cleans up on signals and uncaught errors. For the main process only. */
export function cleanUpOnExit() {
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.once(signal, abort);
  process.on('uncaughtException', abort).on('unhandledRejection', abort);
}

function abort(reason) {
  process.stderr.write(`${reason?.stack ?? reason}\n`);
  void cleanUp().then(() => process.exit(1));
}
