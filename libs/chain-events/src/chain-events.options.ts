import { ModuleOptions } from '@app/module-options';
import { z } from 'zod';

const chainEventsOptionsSchema = z.strictObject({
  /**
   * Whether the events of contracts are read, for collections that ask for it, on every chain with an RPC URL. If it is off, no node is
   * called.
   * @takesEffect start
   */
  enabled: z.boolean().default(false),
  /**
   * The interval at which a node is asked for new blocks, in milliseconds.
   * @takesEffect each poll
   */
  pollIntervalMs: z.int().min(100).max(600_000).default(2000),
  /**
   * How many blocks must follow a block before its events are read. 0 reads the newest block too: if the chain later drops that block,
   * its events cost one more fetch and nothing else.
   * @takesEffect each poll
   */
  confirmations: z.int().min(0).max(1000).default(0),
  /**
   * How many of the last blocks each poll reads again, to find reorganisations of the chain and events that a node left out. A deeper
   * reorganisation is not found.
   * @takesEffect each poll
   */
  overlapBlocks: z.int().min(1).max(1000).default(64),
  /**
   * The maximum number of blocks that one call reads. If a provider allows fewer, the number is reduced automatically.
   * @takesEffect each poll
   */
  blocksPerCall: z.int().min(1).max(100_000).default(1000),
  /**
   * The maximum number of missed blocks that are read after a stop. If there are more, reading continues at the newest block, and all
   * tokens of the watched collections are refreshed.
   * @takesEffect each poll
   */
  maxCatchUpBlocks: z.int().min(1).max(10_000_000).default(100_000),
  /**
   * The delay between an event and the fetch of its tokens, in seconds: metadata servers read the same chain and need time to follow it.
   * @takesEffect each event
   */
  settleSeconds: z.number().min(0).max(3600).default(5),
  /**
   * The minimum time between two fetches of a token for events, in seconds. All events in this time together cause one fetch.
   * @takesEffect each event
   */
  eventMinIntervalSeconds: z.number().min(0).max(86_400).default(60),
  /**
   * The minimum time between two refreshes of a collection for events that name more than 1,000 tokens, in seconds.
   * @takesEffect each event
   */
  collectionMinIntervalSeconds: z.number().min(0).max(86_400).default(600),
  /**
   * The maximum number of tokens of a collection that are refreshed for events in an hour. Single tokens and refreshes of more than 1,000
   * tokens are counted separately. A refresh that begins within the limit is not cut off; further tokens wait for the next hour. Events
   * count towards no limit of a project.
   * @takesEffect each refresh
   */
  eventTokensPerHour: z.int().min(1).max(1_000_000_000).default(100_000),
  /**
   * How long the fetch of a newly minted token is repeated while its document is missing, in seconds: many documents are published after
   * the mint.
   * @takesEffect each mint
   */
  youngForSeconds: z.number().min(0).max(86_400).default(600),
  /**
   * The number of tokens of a collection beyond which no more mints are registered, because a contract can mint without end.
   * @takesEffect each mint
   */
  discoveredTokensPerCollection: z.int().min(1).max(1_000_000_000).default(1_000_000),
});

/** The options as a host application writes them. */
export type ChainEventsOptions = z.input<typeof chainEventsOptionsSchema>;
/** The complete options, as injected. */
export type ChainEventsConfig = z.output<typeof chainEventsOptionsSchema>;
export const CHAIN_EVENTS_CONFIG = Symbol('ChainEventsConfig');

/** Names, limits and defaults of the options. */
export const chainEventsOptions = new ModuleOptions('ChainEventsModule', chainEventsOptionsSchema);
