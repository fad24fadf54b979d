import type { RefreshRequest } from '@app/metadata-refresh';
import { MAX_RANGES, SELECTABLE_STATUSES } from '@app/token-store';
import { z } from 'zod';
import { collectionAddressSchema } from '../collection-address.schema.js';
import { strictObject, unknownInput } from '../strict-object.js';
import { timeSchema } from '../time.schema.js';
import { tokenIdSchema, tokenIdsSchema } from '../token-ids.schema.js';

const rangeSchema = z
  .strictObject(
    { from: tokenIdSchema, to: tokenIdSchema },
    {
      error: (issue) =>
        issue.code === 'unrecognized_keys'
          ? unknownInput(issue.keys, ['from', 'to'], 'a field')
          : 'must be a range: {"from": "1", "to": "5000"}',
    },
  )
  .refine(({ from, to }) => BigInt(from) <= BigInt(to), { error: 'runs backwards: "from" must be at most "to"' });

const statuses = SELECTABLE_STATUSES.map((status) => `"${status}"`).join(', ');
const statusRule = `must be a list of one or more of ${statuses}`;

/** What can be selected instead of a list of ids. */
const selectionFields = {
  tokens: z
    .array(rangeSchema, { error: 'must be a list of ranges: [{"from": "1", "to": "5000"}]' })
    .min(1, { error: 'must have at least one range' })
    .max(MAX_RANGES, { error: `must have at most ${MAX_RANGES} ranges` })
    .optional()
    .meta({
      description:
        'Instead of `token_ids`: ranges of ids, both ends included. They may overlap. Only registered tokens are part of the refresh.',
      examples: [[{ from: '1', to: '5000' }]],
    }),
  all: z
    .literal(true, { error: 'must be true, or absent' })
    .optional()
    .meta({ description: 'Instead of `token_ids`: all registered tokens, or those that the next two fields leave.' }),
  status: z
    .array(z.enum(SELECTABLE_STATUSES, { error: `must be one of ${statuses}` }), { error: statusRule })
    .min(1, { error: statusRule })
    .optional()
    .meta({
      description:
        'With `all`: only tokens whose metadata was never fetched (`pending`), or whose last attempt failed, with older metadata (`stale`) or without any (`failed`).',
      examples: [['failed', 'stale']],
    }),
  not_refreshed_since: timeSchema.optional().meta({
    description: 'With `all`: only tokens without a successful fetch since then.',
    examples: ['2026-11-01T00:00:00Z'],
  }),
};

/** Fields that Immutable X does not have. */
const additions = {
  ...selectionFields,
  not_before: timeSchema.optional().meta({
    description:
      'The time at which the refresh begins, at most 30 days ahead. It counts towards the quota of the hour in which it begins. If that hour has no room for all of its tokens, it waits for the next one. Absent: now.',
    examples: ['2026-12-01T12:00:00Z'],
  }),
  priority: z
    .literal('low', { error: 'must be "low", or absent' })
    .optional()
    .meta({ description: '`low`: when no other refresh of the project waits for the same metadata host.' }),
};

/** The tokens of one collection that a request wants. */
export const wantedFields = {
  collection_address: collectionAddressSchema.meta({
    description: 'Contract address, in any case; a mixed-case address must have a valid EIP-55 checksum.',
    examples: ['0x95cf5c1b78ed03db3a1d69e722f2e2fa40cdf584'],
  }),
  token_ids: tokenIdsSchema.optional().meta({
    description:
      "The tokens to refresh: at most the project's limit for a request, 1,000 by default. A repeated id counts once.",
    examples: [['1', '2', '115792089237316195423570985008687907853269984665640564039457584007913129639935']],
  }),
  ...selectionFields,
};
const fields = { ...wantedFields, ...additions };

type Output<Shape extends z.ZodRawShape> = { [Name in keyof Shape]?: z.output<Shape[Name]> | undefined };
type WantedFields = Output<typeof wantedFields> & { collection_address: string };
type Fields = WantedFields & Output<typeof additions>;

/**
 * The body of a request for a refresh. With fields of the public wire format alone, unknown fields are ignored; with one of our
 * additions, they are refused.
 */
export const createRefreshSchema = z
  .looseObject(fields, { error: 'the body must be a JSON object with collection_address and token_ids, tokens or all' })
  .superRefine((body, context) => {
    const names = Object.keys(body);
    const unknown = names.filter((name) => !(name in fields));
    if (unknown.length === 0 || !names.some((name) => name in additions)) return;
    context.addIssue({ code: 'custom', message: unknownInput(unknown, Object.keys(fields), 'a field') });
  })
  .superRefine(checkWanted)
  .transform(toRequest);
export type CreateRefresh = z.output<typeof createRefreshSchema>;

/** The same body, without unknown fields. */
export const estimateSchema = strictObject(fields, 'a field').superRefine(checkWanted).transform(toRequest);

/** The fields that are sent say one thing. */
export function checkWanted(body: WantedFields, context: z.RefinementCtx): void {
  const issue = (message: string, ...path: string[]) => context.addIssue({ code: 'custom', message, path });
  const wanted = (['token_ids', 'tokens', 'all'] as const).filter((name) => body[name] !== undefined);
  if (wanted.length === 0) issue('must be a list of token ids; or send tokens or all instead', 'token_ids');
  if (wanted.length > 1) issue(`the body must have one of ${wanted.join(' and ')}, not both`);
  for (const filter of ['status', 'not_refreshed_since'] as const) {
    if (body[filter] !== undefined && body.all === undefined) issue('narrows all: send it with "all": true', filter);
  }
}

function toRequest(body: Fields) {
  return {
    ...toWanted(body),
    ...(body.not_before !== undefined && { notBefore: body.not_before }),
    ...(body.priority !== undefined && { priority: body.priority }),
  } satisfies RefreshRequest;
}

export function toWanted(body: WantedFields) {
  return { collectionAddress: body.collection_address, ...wantedTokens(body) };
}

function wantedTokens({ token_ids, tokens, status, not_refreshed_since }: WantedFields) {
  if (token_ids) return { tokenIds: token_ids };
  if (tokens) return { selection: { ranges: tokens } };
  return {
    selection: {
      all: true as const,
      ...(status && { status: [...new Set(status)] }),
      ...(not_refreshed_since !== undefined && { notRefreshedSince: not_refreshed_since }),
    },
  };
}
