import { z } from 'zod';
import {
  collectionNameSchema,
  countSchema,
  nextSchema,
  projectNameSchema,
  timedSchema,
  timeSchema,
  tokenIdSchema,
} from './values.schema.js';

export const REVEAL_STATES = [
  'staging',
  'staged',
  'publishing',
  'published',
  'reverting',
  'reverted',
  'cancelled',
  'expired',
] as const;

/** A reveal as lists show it: documents of many tokens, fetched ahead and shown at one moment. */
export const revealSchema = z.object({
  id: z.string(),
  /** null for partners. */
  project: projectNameSchema.nullable(),
  collection: collectionNameSchema,
  /** The refresh that fetches its documents. */
  refreshId: z.string(),
  state: z.enum(REVEAL_STATES),
  publish: z.enum(['manual', 'when_complete', 'at']),
  publishAt: timeSchema.nullable(),
  /** The part of its tokens that must be staged, and that in tokens. */
  minSucceeded: z.number(),
  required: countSchema,
  /** staged + pending + failed = total, unless a token is in two retries. */
  total: countSchema,
  staged: countSchema,
  pending: countSchema,
  failed: countSchema,
  isReady: z.boolean(),
  /** Why it was not published when it was to be. */
  blocked: z.object({ since: timeSchema, reason: z.enum(['pending', 'not_enough_staged', 'failed']) }).nullable(),
  /** How its staged tokens ended; null: it is not published. */
  outcome: z
    .object({ updated: countSchema, unchanged: countSchema, superseded: countSchema, missing: countSchema })
    .nullable(),
  /** null: it is not reverted. */
  reverted: z
    .object({
      at: timeSchema,
      refreshId: z.string(),
      restored: countSchema,
      changedSince: countSchema,
      noEarlierVersion: countSchema,
      notKept: countSchema,
      missing: countSchema,
    })
    .nullable(),
  createdAt: timeSchema,
  expiresAt: timeSchema,
  endedAt: timeSchema.nullable(),
});
export type Reveal = z.output<typeof revealSchema>;

/** `GET reveals?cursor=`: newest first. */
export const revealListSchema = timedSchema.extend({ rows: z.array(revealSchema), next: nextSchema });
export type RevealList = z.output<typeof revealListSchema>;

/** `GET reveals/:id` */
export const revealDetailsSchema = timedSchema.extend({
  reveal: revealSchema.extend({
    /** What the person may do now. `publish` with a lower part than agreed: `publishAnyway`. */
    actions: z.object({
      publish: z.boolean(),
      publishAnyway: z.boolean(),
      cancel: z.boolean(),
      revert: z.boolean(),
    }),
  }),
});
export type RevealDetails = z.output<typeof revealDetailsSchema>;

/** `GET reveals/:id/changes`: what its publication would change, and what the studio may not have meant. */
export const revealChangesSchema = timedSchema.extend({
  /** null: tokens are pending, it has ended, or it cannot be told now. */
  changes: z
    .object({
      asOf: timeSchema,
      updated: countSchema,
      /** Of the updated ones: they have no metadata yet. */
      firstMetadata: countSchema,
      unchanged: countSchema,
      superseded: countSchema,
      missing: countSchema,
      /** Other tokens of the collection. */
      notStaged: countSchema,
      /** snake_case names of record fields that change, the most frequent first. */
      fields: z.array(z.object({ field: z.string(), tokens: countSchema })),
      traits: z.object({
        /** Tokens with other traits than before. */
        tokens: countSchema,
        /** Values that tokens gain and lose, summed over all tokens. */
        added: countSchema,
        removed: countSchema,
        /** Values and types that no token has now, or that no token would have any more. */
        valuesAdded: countSchema,
        valuesRemoved: countSchema,
        typesAdded: countSchema,
        typesRemoved: countSchema,
      }),
    })
    .nullable(),
  /** null as `changes`. */
  findings: z
    .array(
      z.object({
        code: z.string(),
        message: z.string(),
        /** How many tokens; of findings about how a trait is written, how many trait types. */
        count: countSchema,
        /** A few of them. */
        examples: z.array(
          z.object({
            tokens: countSchema,
            tokenIds: z.array(tokenIdSchema),
            traitTypes: z.array(z.string()),
            values: z.array(z.string()),
          }),
        ),
      }),
    )
    .nullable(),
});
export type RevealChanges = z.output<typeof revealChangesSchema>;

/** `POST reveals/:id/publish` */
export const publishRevealSchema = z.strictObject({
  /** Of the tokens that must be staged, in place of what was said when it was created. */
  minSucceeded: z.number().gt(0).max(1).optional(),
});

/** `POST reveals/:id/revert` */
export const revertRevealSchema = z.strictObject({
  /** How long refreshes do not overwrite the restored records, in hours; `forever`: until the holds are ended. Absent: not at all. */
  holdHours: z.union([z.int().min(1).max(8760), z.literal('forever')]).optional(),
});
