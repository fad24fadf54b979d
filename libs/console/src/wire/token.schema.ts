import { z } from 'zod';
import { chainEventSchema } from './refresh.schema.js';
import {
  adviceSchema,
  changeSchema,
  collectionNameSchema,
  countSchema,
  nextSchema,
  projectNameSchema,
  timedSchema,
  timeSchema,
  tokenIdSchema,
} from './values.schema.js';

const attributeSchema = z.object({
  traitType: z.string(),
  /** A number that JavaScript cannot hold exactly is text. */
  value: z.union([z.string(), z.number(), z.boolean()]),
  valueType: z.enum(['string', 'number', 'boolean', 'date']),
  displayType: z.string().nullable(),
  maxValue: z.number().nullable(),
  /** Tokens of the collection with this value; null: it is not counted. */
  tokens: countSchema.nullable(),
});

/** `GET tokens/:chain/:address/:tokenId` */
export const tokenSchema = timedSchema.extend({
  token: z.object({
    tokenId: tokenIdSchema,
    project: projectNameSchema.nullable(),
    collection: collectionNameSchema,
    /** Tokens of the collection. */
    collectionTokens: countSchema,
    name: z.string().nullable(),
    description: z.string().nullable(),
    imageUrl: z.string().nullable(),
    imageOriginal: z.string().nullable(),
    animationUrl: z.string().nullable(),
    animationOriginal: z.string().nullable(),
    externalUrl: z.string().nullable(),
    youtubeUrl: z.string().nullable(),
    backgroundColor: z.string().nullable(),
    attributes: z.array(attributeSchema),
    /** What is unusual about the document, and the fields of it that this may be about. */
    warnings: z.array(z.object({ code: z.string(), message: z.string(), fields: z.array(z.string()) })),
    status: z.enum(['pending', 'ok', 'stale', 'failed']),
    metadataUrl: z.string().nullable(),
    metadataSource: z.enum(['metadata_api', 'token_uri', 'chain', 'pushed']).nullable(),
    pushedBy: z.string().nullable(),
    version: countSchema,
    contentHash: z.string().nullable(),
    lastAttemptAt: timeSchema.nullable(),
    lastSuccessAt: timeSchema.nullable(),
    changedAt: timeSchema.nullable(),
    staleSince: timeSchema.nullable(),
    burnedAt: timeSchema.nullable(),
    /** `forever`: until the hold is ended. */
    heldUntil: z.union([z.literal('forever'), timeSchema]).nullable(),
    /** null: the last attempt succeeded, or there was none. */
    lastError: adviceSchema.extend({ errorCode: z.string(), reason: z.string() }).nullable(),
    failCount: countSchema,
    registeredAt: timeSchema,
    /** The document as served: text, not JSON, so that every digit survives. Cut after 64 KiB. null: there is none. */
    document: z.string().nullable(),
    /** Bytes of the whole document. */
    documentBytes: countSchema.nullable(),
    actions: z.object({ refresh: z.boolean(), image: z.boolean() }),
  }),
});
export type Token = z.output<typeof tokenSchema>;

const requestSchema = z.object({
  id: z.string(),
  /** Without credentials. */
  url: z.string(),
  outcome: z.enum(['fetched', 'not_modified', 'unreachable', 'bad_status', 'undecodable', 'no_token']),
  statusCode: z.int().nullable(),
  reason: z.string().nullable(),
  /** The sentence of the reason. */
  title: z.string().nullable(),
  durationMs: countSchema,
  bytes: countSchema,
  at: timeSchema,
});

/** `GET tokens/:chain/:address/:tokenId/attempts?cursor=`: newest first, of 7 days. */
export const tokenAttemptsSchema = timedSchema.extend({
  rows: z.array(
    z.object({
      refreshId: z.string(),
      /** The number of the try in its refresh, from 1. */
      attempt: countSchema,
      event: chainEventSchema.nullable(),
      at: timeSchema,
      /** With several gateways, one try can be several requests. In order; the last one decided. */
      requests: z.array(requestSchema),
    }),
  ),
  next: nextSchema,
});
export type TokenAttempts = z.output<typeof tokenAttemptsSchema>;

/** `GET tokens/:chain/:address/:tokenId/versions?cursor=`: newest first. */
export const tokenVersionsSchema = timedSchema.extend({
  rows: z.array(
    changeSchema.extend({
      version: countSchema,
      createdAt: timeSchema,
      refreshId: z.string().nullable(),
      trigger: z.string().nullable(),
      contentHash: z.string(),
      hasDocument: z.boolean(),
    }),
  ),
  next: nextSchema,
  /** false: the host application's token store keeps none. */
  areKept: z.boolean(),
});
export type TokenVersions = z.output<typeof tokenVersionsSchema>;

/** `GET tokens/:chain/:address/:tokenId/versions/:from/diff?to=` */
export const versionDiffSchema = timedSchema.extend({
  diff: changeSchema.extend({
    from: countSchema,
    to: countSchema,
    /** JSON text: the JSON Patch (RFC 6902) from the one document to the other; null: they are too large to compare. */
    patch: z.string().nullable(),
    /** The documents as served, each cut after 64 KiB. */
    before: z.string(),
    after: z.string(),
  }),
});
export type VersionDiff = z.output<typeof versionDiffSchema>;

/** `GET tokens/find?q=&cursor=`: tokens of the collections that the person may see, by id. */
export const tokenListSchema = timedSchema.extend({
  rows: z.array(
    z.object({
      tokenId: tokenIdSchema,
      collection: collectionNameSchema,
      name: z.string().nullable(),
      contentHash: z.string().nullable(),
      status: z.enum(['pending', 'ok', 'stale', 'failed']),
      changedAt: timeSchema.nullable(),
    }),
  ),
  next: nextSchema,
});
export type TokenList = z.output<typeof tokenListSchema>;
