import { z } from 'zod';

/** RFC 3339 in UTC. */
export const timeSchema = z.string();
export const countSchema = z.int().min(0);
/** Decimal digits: a uint256 does not fit a JavaScript number. */
export const tokenIdSchema = z.string().regex(/^[0-9]{1,78}$/);

/** What every response has. `now` is the clock of the database: relative times are counted from it, not from the viewer's clock. */
export const timedSchema = z.object({ now: timeSchema });

/** Of a list: the `cursor` of the next page; null: this is the last one. */
export const nextSchema = z.string().nullable();

/** A person's word for a project. null for partners, who see only their own. */
export const projectNameSchema = z.object({ id: z.string(), name: z.string() });

export const collectionNameSchema = z.object({
  id: z.string(),
  /** 0: the collection was removed. */
  chainId: countSchema,
  /** Lower case. */
  address: z.string(),
  /** null: it is not known. */
  name: z.string().nullable(),
});

/** No token of the host is fetched until then, because the host asked for it. */
export const cooldownSchema = z.object({ host: z.string(), until: timeSchema });

/** A number that was not counted to its end. */
export const boundedCountSchema = z.object({ count: countSchema, isMore: z.boolean() });

export const errorCodeSchema = z.enum([
  'unable_to_retrieve_metadata',
  'invalid_response_status_code',
  'unable_to_decode_response',
  'token_not_found',
]);

/** What a person can do about a reason: what is wrong, and what helps. */
export const adviceSchema = z.object({ title: z.string(), advice: z.string() });

export const changeSchema = z.object({
  /** snake_case names of record fields. Empty when only other parts of the document changed. */
  changedFields: z.array(z.string()),
  traitsAdded: z.array(z.object({ traitType: z.string(), value: z.string() })),
  traitsRemoved: z.array(z.object({ traitType: z.string(), value: z.string() })),
  /** false: there were too many traits for the two lists. */
  hasAllTraits: z.boolean(),
});

/** The quota of a project. `resetsAt` is null when nothing of it is used. */
export const quotaSchema = z.object({
  limit: countSchema,
  used: countSchema,
  remaining: countSchema,
  resetsAt: timeSchema.nullable(),
});
