import { toRevealChangesObject, toRevealObject, type Reveal, type RevealChanges } from '@app/metadata-refresh';
import { readFailures } from './refresh-failures.js';
import type { Session } from './session.js';

/** Prints a reveal, and the commands that come next. With `changes`, also what publishing it would change; null: it cannot be told. */
export async function printReveal(session: Session, reveal: Reveal, changes?: RevealChanges | null): Promise<void> {
  const shown = { project_id: reveal.projectId, ...toRevealObject(reveal) };
  const { summary, publish, blocked, outcome, reverted, ...fields } = shown;
  const lines = {
    ...fields,
    publish: typeof publish === 'string' ? publish : `at ${publish.at}`,
    summary: toText(summary),
    ...(blocked && { blocked: `${blocked.reason}, since ${blocked.since}` }),
    ...(outcome && { outcome: toText(outcome) }),
    ...(reverted && { reverted: toText(reverted) }),
    ...(changes !== undefined && reveal.state === 'staged' && toChangeLines(changes)),
  };
  const isRevertible = reveal.state === 'published' && (await session.get('versions')).areKept;
  const hasFailures = reveal.failed > 0 && (await readFailures(session, [reveal.refreshId])).length > 0;
  session.print(changes === undefined ? shown : { ...shown, changes: changes && toRevealChangesObject(changes) }, [
    ...Object.entries(lines).map(([name, value]) => `${name}: ${String(value)}`),
    ...nextSteps(reveal, { isRevertible, hasFailures }),
  ]);
}

function toChangeLines(changes: RevealChanges | null): Record<string, string> {
  if (!changes) return { changes: 'not read in time; try again' };
  const { as_of, fields, traits, ...tokens } = toRevealChangesObject(changes);
  return {
    changes: `${toText(tokens)}, as of ${as_of}`,
    changed_fields: toText(fields) || 'none',
    changed_traits: toText(traits),
  };
}

/** `hasFailures`: not all tokens without a document were cancelled, which cannot be retried. */
function nextSteps(
  { id, refreshId, state, total, staged, failed, isReady, outcome, reverted }: Reveal,
  { isRevertible, hasFailures }: { isRevertible: boolean; hasFailures: boolean },
): string[] {
  const steps: string[] = [];
  const isOpen = state === 'staging' || state === 'staged';
  if (state === 'staging') steps.push(`To follow its tokens: refresh watch --refresh ${refreshId}`);
  if (isOpen && failed > 0 && hasFailures) {
    steps.push(`Why tokens failed: refresh show --refresh ${refreshId}`);
    steps.push(`To stage these again: refresh retry --refresh ${refreshId}`);
  }
  if (isOpen && failed > 0 && !hasFailures) {
    steps.push(`Tokens that were cancelled: refresh tokens --refresh ${refreshId} --verdict cancelled`);
    const part = Math.floor((10_000 * staged) / total) / 10_000;
    if (state === 'staged' && !isReady && part > 0)
      steps.push(`To publish it without these: reveal publish --reveal ${id} --min-succeeded ${part}`);
  }
  if (state === 'staged') steps.push(`What may be wrong with its documents: reveal lint --reveal ${id}`);
  if (isReady) steps.push(`To publish it: reveal publish --reveal ${id}`);
  if (isRevertible && outcome && outcome.updated > 0) steps.push(`To take it back: reveal revert --reveal ${id}`);
  if (reverted && reverted.changedSince > 0)
    steps.push(`Tokens that changed since: refresh tokens --refresh ${reverted.refreshId} --verdict superseded`);
  return steps;
}

/** Counts in one line. */
function toText(counts: object): string {
  return Object.entries(counts)
    .map(([name, value]) => `${name} ${String(value)}`)
    .join(', ');
}
