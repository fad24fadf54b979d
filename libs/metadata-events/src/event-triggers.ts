import { REFRESH_TRIGGERS } from '@app/metadata-refresh';

/** What is wrong with a list of triggers; null: nothing. */
export function findTriggerMistake(triggers: readonly string[]): string | null {
  const known: readonly string[] = REFRESH_TRIGGERS;
  if (triggers.length === 0) return `at least one trigger is needed: ${known.join(', ')}`;
  const unknown = triggers.find((trigger) => !known.includes(trigger));
  return unknown === undefined ? null : `unknown trigger ${JSON.stringify(unknown)}; triggers are ${known.join(', ')}`;
}
