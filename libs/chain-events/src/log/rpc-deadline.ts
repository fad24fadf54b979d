import { Deadline } from '@app/safe-http';

/** The deadline of all calls for one span of blocks, those to failing nodes included. */
const RPC_DEADLINE_MS = 15_000;

/** Calls nodes for one span of blocks, until the deadline or the signal. */
export async function withRpcDeadline<T>(
  signal: AbortSignal | undefined,
  read: (deadline: Deadline) => Promise<T>,
): Promise<T> {
  const deadline = new Deadline(RPC_DEADLINE_MS, signal);
  try {
    return await read(deadline);
  } finally {
    deadline.clear();
  }
}
