import type { Readable, Writable } from 'node:stream';
import { createInterface } from 'node:readline/promises';

export interface Terminal {
  input: Readable & { isTTY?: boolean };
  output: Writable;
}

/** The person declined, or there is nobody to ask. Nothing was changed. */
class NotConfirmed extends Error {
  override readonly name = 'NotConfirmed';
}

/**
 * Asks on a terminal whether to go on; "y" and "yes" are yes. Without a terminal, only `isConfirmed` is. Throws
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
    const answer = await terminal.question(`${consequence} Go on? [y/N] `);
    if (!/^y(es)?$/i.test(answer.trim())) throw new NotConfirmed('Not confirmed: nothing was changed.');
  } finally {
    terminal.close();
  }
}
