import type { Readable, Writable } from 'node:stream';
import { createInterface } from 'node:readline/promises';

export interface Terminal {
  input: Readable & { isTTY?: boolean };
  output: Writable;
}

/** The user declined, or there is no terminal. Nothing was changed. */
class NotConfirmed extends Error {
  override readonly name = 'NotConfirmed';
}

/**
 * Asks on a terminal whether to continue; "y" and "yes" confirm. Without a terminal, only `isConfirmed` does. Throws
 * NotConfirmed.
 */
export async function confirm(
  consequence: string,
  isConfirmed: boolean,
  { input, output }: Terminal = { input: process.stdin, output: process.stderr },
): Promise<void> {
  if (isConfirmed) return;
  if (input.isTTY !== true) throw new NotConfirmed(`${consequence} Confirm it with --yes.`);
  const terminal = createInterface({ input, output });
  try {
    const reply = await terminal.question(`${consequence} Continue? [y/N] `);
    if (!/^y(es)?$/i.test(reply.trim())) throw new NotConfirmed('Not confirmed: nothing was changed.');
  } finally {
    terminal.close();
  }
}
