import { z } from 'zod';
import { refreshSchema } from './refresh.schema.js';
import { cooldownSchema, countSchema, timedSchema, timeSchema } from './values.schema.js';

/** Something that needs a person. */
export const findingSchema = z.object({
  kind: z.enum([
    'no_worker',
    'host_cooldown',
    'reason_tripled',
    'interactive_slow',
    'backlog_growing',
    'quota_used_up',
    'webhook_failing',
    'webhook_disabled',
    'consumer_failing',
    'retention_behind',
    'lost_claims',
    'outbox_behind',
    'refresh_stuck',
    'chain_failing',
  ]),
  /** The worst first: `bad`, then `warning`. */
  severity: z.enum(['bad', 'warning']),
  /** Sentences: what is wrong, and what to do. */
  title: z.string(),
  advice: z.string(),
  since: timeSchema.nullable(),
  /** A path below the mount path, with query: where to look. */
  link: z.string(),
});
export type Finding = z.output<typeof findingSchema>;

/** One row of the log of what people did on the console. */
export const consoleActionSchema = z.object({
  id: z.string(),
  at: timeSchema,
  who: z.string(),
  /** Such as `refresh.cancel`. */
  action: z.string(),
  /** What it was done to, such as the id of a refresh. */
  target: z.string(),
  outcome: z.string(),
  /** A path below the mount path; null: there is no page. */
  link: z.string().nullable(),
});

const operatorOverviewSchema = timedSchema.extend({
  kind: z.literal('operator'),
  /** Empty: nothing needs you. */
  findings: z.array(findingSchema),
  /** The newest three that run. */
  running: z.array(refreshSchema),
  cooldowns: z.array(cooldownSchema),
  /** The last 60 minutes, oldest first; `minute` is its beginning. */
  minutes: z.array(z.object({ minute: timeSchema, succeeded: countSchema, failed: countSchema })),
  /** The token that is due the longest; null: nothing is due. */
  oldestDue: z.object({ dueAt: timeSchema, host: z.string(), refreshId: z.string() }).nullable(),
  actions: z.array(consoleActionSchema),
  /** For the menu. Each is counted up to 100 at most. */
  counts: z.object({
    running: countSchema,
    failedLastHour: countSchema,
    cooldowns: countSchema,
    workers: countSchema,
    projects: countSchema,
  }),
});

const partnerOverviewSchema = timedSchema.extend({
  kind: z.literal('partner'),
  /** Their overview is the page of this refresh; null: the list, which says how to make the first one. */
  newestRefreshId: z.string().nullable(),
  counts: z.object({ running: countSchema, failedLastHour: countSchema }),
});

/** `GET overview` */
export const overviewSchema = z.discriminatedUnion('kind', [operatorOverviewSchema, partnerOverviewSchema]);
export type Overview = z.output<typeof overviewSchema>;
export type OperatorOverview = z.output<typeof operatorOverviewSchema>;
export type PartnerOverview = z.output<typeof partnerOverviewSchema>;
