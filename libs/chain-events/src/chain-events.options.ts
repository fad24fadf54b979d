import { ModuleOptions } from '@app/module-options';
import { z } from 'zod';

const chainEventsOptionsSchema = z.strictObject({
  /**
   * Whether events of contracts are watched, for collections that ask for it, on every chain with an RPC URL. Without it, no node is
   * called.
   * @takesEffect start
   */
  enabled: z.boolean().default(false),
  /**
   * How often a node is asked for new blocks, in milliseconds.
   * @takesEffect each poll
   */
  pollIntervalMs: z.int().min(100).max(600_000).default(2000),
  /**
   * How many blocks must follow a block before its events are read. 0 reads the newest block: an event of a block that the chain
   * drops afterwards costs one more fetch, and nothing else.
   * @takesEffect each poll
   */
  confirmations: z.int().min(0).max(1000).default(0),
  /**
   * How many of the blocks that were read before are read again with each poll, to find reorganisations of the chain and events that a
   * node left out. A deeper reorganisation is not found.
   * @takesEffect each poll
   */
  overlapBlocks: z.int().min(1).max(1000).default(64),
  /**
   * The maximum number of blocks of one call. Where a provider allows fewer, it shrinks by itself.
   * @takesEffect each poll
   */
  blocksPerCall: z.int().min(1).max(100_000).default(1000),
  /**
   * How many blocks are read after a stop. After a longer one, reading continues at the newest block, and all tokens of the watched
   * collections are refreshed.
   * @takesEffect each poll
   */
  maxCatchUpBlocks: z.int().min(1).max(10_000_000).default(100_000),
  /**
   * How long after an event its tokens are fetched, in seconds: metadata servers read the same chain, and need time to follow it.
   * @takesEffect each event
   */
  settleSeconds: z.number().min(0).max(3600).default(5),
  /**
   * How long events of one token wait after its last fetch for an event, in seconds. What arrives meanwhile is one fetch.
   * @takesEffect each event
   */
  eventMinIntervalSeconds: z.number().min(0).max(86_400).default(60),
  /**
   * How long events of more than 1,000 tokens wait after the last such refresh of the collection, in seconds.
   * @takesEffect each event
   */
  collectionMinIntervalSeconds: z.number().min(0).max(86_400).default(600),
  /**
   * How many tokens of a collection events may refresh in an hour, as single tokens and again in refreshes of more than 1,000 tokens. Such
   * a refresh that begins within the limit is not cut off; what exceeds it waits for the next hour. Events count towards no limit of a
   * project.
   * @takesEffect each refresh
   */
  eventTokensPerHour: z.int().min(1).max(1_000_000_000).default(100_000),
  /**
   * How long a discovered token whose document is missing is tried again, in seconds: the document of a mint often comes later.
   * @takesEffect each mint
   */
  youngForSeconds: z.number().min(0).max(86_400).default(600),
  /**
   * How many tokens a collection may have before no more mints are registered: a contract can mint without end.
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
