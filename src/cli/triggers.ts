import { REFRESH_TRIGGERS, type RefreshTrigger } from '@app/metadata-refresh';
import { InvalidArgumentError } from 'commander';

/** A list such as `event,schedule`. */
export function parseTriggers(text: string): RefreshTrigger[] {
  return text.split(',').map((name) => {
    const trigger = REFRESH_TRIGGERS.find((known) => known === name.trim());
    if (!trigger) throw new InvalidArgumentError(`Triggers are ${REFRESH_TRIGGERS.join(', ')}.`);
    return trigger;
  });
}
