import type { ChainEvent } from './chain-event.js';
import type { ChainLog } from './chain-log.js';
import { CONTRACT_EVENTS } from './contract-events.js';
import { wordsOf } from './log-words.js';

const BY_TOPIC = new Map(CONTRACT_EVENTS.map((row) => [row.topic, row]));

/**
 * What a log asks for; null: nothing that concerns metadata. `undecodable`: it has the topic of an event, and arguments that are
 * not those of the event: truncated, too many, or a range whose end is before its beginning.
 */
export function decodeLog(log: Pick<ChainLog, 'topics' | 'data'>): ChainEvent | null | 'undecodable' {
  const topic = BY_TOPIC.get(log.topics[0] ?? '');
  if (!topic) return null;
  const words = wordsOf(log);
  return words ? topic.read(words) : 'undecodable';
}
