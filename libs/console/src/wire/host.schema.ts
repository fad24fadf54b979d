import { z } from 'zod';
import {
  adviceSchema,
  boundedCountSchema,
  collectionNameSchema,
  countSchema,
  nextSchema,
  projectNameSchema,
  timedSchema,
  timeSchema,
} from './values.schema.js';

/** The worst that is true: in cooldown · half of the answers failed · answers take longer than 2 s · answers · nothing waits. */
const HOST_STATES = ['resting', 'failing', 'slow', 'good', 'idle'] as const;
/** Those by which a list can be filtered. */
export const ALARMING_STATES = ['resting', 'failing', 'slow'] as const;

const hostFields = {
  /** As in lanes: `api.example:8080`, `ipfs:`, `ar:` or `chain:<chain id>/<contract>`. */
  host: z.string(),
  state: z.enum(HOST_STATES),
  /** Until when nobody asks it; null: it is asked. */
  cooldownUntil: timeSchema.nullable(),
  concurrency: z.object({
    /** The limit of concurrent requests. */
    limit: countSchema,
    /** What its workers allow now, after errors; null: no worker asks it. */
    inForce: countSchema.nullable(),
    inUse: countSchema.nullable(),
  }),
  waiting: boundedCountSchema,
  /** Since when its oldest token is due; null: none is. */
  oldestDueAt: timeSchema.nullable(),
  /** Responses of the last hour. */
  responses: countSchema,
  /** Of these, how many were a document or "not modified": 0 to 1; null: there were none. */
  good: z.number().min(0).max(1).nullable(),
  /** Responses a second in the last whole minute. */
  perSecond: z.number().min(0),
  /** Half and 19 of 20 answers took no longer; null: there were none. */
  medianMs: countSchema.nullable(),
  p95Ms: countSchema.nullable(),
  projects: countSchema,
  /** Of a partner: what waits for this host of others. null for operators. */
  others: z.object({ projects: countSchema, waiting: boundedCountSchema }).nullable(),
};

/** `GET hosts?state=resting|slow|failing&cursor=` */
export const hostListSchema = timedSchema.extend({
  /** At most 200: those that need attention first, then those that keep tokens waiting longest. */
  rows: z.array(z.object(hostFields)),
  /** Also of those that are not in the rows. */
  total: countSchema,
  next: nextSchema,
});
export type HostList = z.output<typeof hostListSchema>;

/** `GET hosts/:host` */
export const hostSchema = timedSchema.extend({
  host: z.object({
    ...hostFields,
    /** When it was first asked, as far as it is known. */
    firstAskedAt: timeSchema.nullable(),
    /** Of the last hour, oldest first; minutes without answers are left out. */
    minutes: z.array(
      z.object({
        minute: timeSchema,
        /** A new document. */
        fetched: countSchema,
        notModified: countSchema,
        failed: countSchema,
        /** 429 and 503. */
        refused: countSchema,
        medianMs: countSchema.nullable(),
        p95Ms: countSchema.nullable(),
      }),
    ),
    /** Its cooldowns of the last 24 hours, newest first, at most 100. */
    cooldowns: z.array(z.object({ from: timeSchema, until: timeSchema, reason: z.string() })),
    /** Who waits: tokens by the size of their refresh. A partner sees its own. */
    waits: z.array(
      z.object({
        project: projectNameSchema.nullable(),
        collection: collectionNameSchema,
        /** Of refreshes of up to 10 and up to 100 tokens, and of larger ones. */
        upTo10: boundedCountSchema,
        upTo100: boundedCountSchema,
        larger: boundedCountSchema,
        oldestDueAt: timeSchema.nullable(),
      }),
    ),
    /** Who asks. A partner sees none. */
    workers: z.array(
      z.object({
        id: z.string(),
        name: z.string(),
        /** Its share of the concurrent requests, and how much of it is in use. */
        share: countSchema,
        inUse: countSchema,
        since: timeSchema,
        lastHeartbeatAt: timeSchema,
      }),
    ),
    /** How it failed in the last hour, the most frequent first. */
    failures: z.array(adviceSchema.extend({ reason: z.string(), tokens: countSchema })),
    /** Why this speed: each limit in force, the tightest last. */
    why: z.array(z.object({ value: z.string(), text: z.string(), isInForce: z.boolean() })),
    /** The operator's own limit; null: there is none. */
    ownLimit: countSchema.nullable(),
    actions: z.object({ endCooldown: z.boolean(), setConcurrency: z.boolean() }),
  }),
});
export type Host = z.output<typeof hostSchema>;

/** `PUT hosts/:host/concurrency`: null removes the operator's limit. */
export const hostConcurrencySchema = z.strictObject({ limit: z.int().min(1).max(1000).nullable() });
export type HostConcurrency = z.output<typeof hostConcurrencySchema>;
