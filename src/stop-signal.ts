/** Process managers often kill after 10 seconds. After this timeout a process exits, and its leases expire. */
export const SHUTDOWN_TIMEOUT_MS = 9_000;

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/**
 * An AbortSignal for the whole process, aborted by the first SIGINT, SIGTERM or SIGHUP; the reason is a StopRequested.
 * Later signals have no effect, because npm forwards a Ctrl-C that the terminal has already sent, and the shutdown must be
 * able to finish. The caller must end the process.
 */
export function stopSignal(): AbortSignal {
  const stopping = new AbortController();
  for (const signal of SIGNALS) process.on(signal, () => stopping.abort(new StopRequested(signal)));
  return stopping.signal;
}

/** The reason of an abandoned start or command. */
export class StopRequested extends Error {
  override readonly name = 'StopRequested';

  constructor(readonly signal: (typeof SIGNALS)[number]) {
    super(`stopped by ${signal}`);
  }

  /** The exit status that a shell reports for a program that the signal ended. */
  get exitStatus(): number {
    return 128 + { SIGHUP: 1, SIGINT: 2, SIGTERM: 15 }[this.signal];
  }
}

/** Waits for the signal. */
export async function whenStopped(signal: AbortSignal): Promise<StopRequested> {
  if (!signal.aborted) await new Promise((done) => signal.addEventListener('abort', done, { once: true }));
  return signal.reason as StopRequested;
}

/** The result of the promise. If the signal aborts first, throws its reason; the promise continues in the background. */
export async function unlessAborted<T>(signal: AbortSignal | undefined, promise: Promise<T>): Promise<T> {
  if (!signal) return promise;
  const aborted = whenStopped(signal).then((reason) => Promise.reject(reason));
  return Promise.race([promise, aborted]);
}
