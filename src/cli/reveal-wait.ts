import type { Reveal, RevealState } from '@app/metadata-refresh';
import type { Session } from './session.js';

const POLL_MS = 200;
const NOTED_AFTER_MS = 10_000;

/**
 * Waits while a reveal is in this state: this process does the work, or a running service. Then the exit status is 1 if the work was given
 * up. Prints a note on stderr when it takes long. Ctrl-C ends only the wait.
 */
export async function untilDone(
  session: Session,
  revealId: string,
  state: Extract<RevealState, 'publishing' | 'reverting'>,
): Promise<Reveal> {
  const reveals = await session.get('reveals');
  const startedAt = performance.now();
  for (let isNoted = false; ;) {
    const reveal = await reveals.get({ revealId });
    if (reveal.state !== state) {
      if (reveal.blocked) session.exitStatus = 1;
      return reveal;
    }
    if (!isNoted && performance.now() - startedAt >= NOTED_AFTER_MS) {
      isNoted = true;
      process.stderr.write(
        `reveal ${revealId} is ${state} still; a running service continues, also without this command. Its log says why if it fails\n`,
      );
    }
    await new Promise((done) => setTimeout(done, POLL_MS));
  }
}
