import { PUSHED_FIELDS, type PushedField, type PushedStack, type PushedToken } from '@app/metadata-refresh';
import { z } from 'zod';
import { InvalidRequest } from '../invalid-request.js';
import { tokenIdSchema } from '../token-ids.schema.js';
import { metadataIdSchema } from './metadata-id.schema.js';
import { unstorableIn } from './unstorable.js';

const MAX_TOKENS = 250;
const MAX_STACKS = 10;
/** Of the compact JSON text, in UTF-8. */
const MAX_ITEM_BYTES = 16 * 1024;
const MAX_LIST_BYTES = 228 * 1024;
const MAX_LISTED_RULES = 5;

export const DISPLAY_TYPES = ['number', 'boost_percentage', 'boost_number', 'date'] as const;

const textRule = 'must be a string, or null';
const textSchema = z.string({ error: textRule }).nullable().optional();
const displayTypeRule = `must be one of ${DISPLAY_TYPES.join(', ')}, or null`;

const attributeSchema = z.looseObject(
  {
    trait_type: z.string({ error: 'must be a string' }),
    value: z.union([z.string(), z.number(), z.boolean()], { error: 'must be a string, a number or a boolean' }),
    display_type: z.enum(DISPLAY_TYPES, { error: displayTypeRule }).nullable().optional(),
  },
  { error: 'must be an object with trait_type and value' },
);

/** What an item has beside the id of what it is for. */
const fields = {
  name: textSchema.meta({ examples: ['Sword'] }),
  description: textSchema,
  image: textSchema.meta({ examples: ['ipfs://bafybeigdyrzt5sfp7udm7hu76uh7y26nf3efuylqabf3oclgtqy55fbzdi'] }),
  external_url: textSchema,
  animation_url: textSchema,
  youtube_url: textSchema,
  attributes: z.array(attributeSchema, { error: 'must be a list of attributes, or null' }).nullable().optional(),
};
type Fields = z.output<z.ZodObject<typeof fields>>;

const nftItemSchema = z.looseObject({ token_id: tokenIdSchema, ...fields }, { error: 'must be an object' });
const stackItemSchema = z.looseObject({ metadata_id: metadataIdSchema, ...fields }, { error: 'must be an object' });

export const pushNftMetadataSchema = z
  .object(
    { nft_metadata: itemsSchema(nftItemSchema, MAX_TOKENS, 'tokens') },
    { error: 'the body must be a JSON object with nft_metadata' },
  )
  .transform(({ nft_metadata }) => nft_metadata);
export type PushNftMetadata = z.output<typeof pushNftMetadataSchema>;

export const pushStackMetadataSchema = z
  .object(
    { metadata: itemsSchema(stackItemSchema, MAX_STACKS, 'metadata ids, for all NFTs that have them') },
    { error: 'the body must be a JSON object with metadata' },
  )
  .transform(({ metadata }) => metadata);
export type PushStackMetadata = z.output<typeof pushStackMetadataSchema>;

/** Without these fields an item does not say what becomes of them. Throws InvalidRequest that names the missing ones in this list. */
export function requireAllFields(list: string, items: readonly Fields[]): void {
  const missing = items.flatMap((item, index) =>
    missingFieldsOf(item).map((field) => ({
      path: [list, String(index), field],
      rule: 'is missing: send null to take its value away',
    })),
  );
  if (missing.length === 0) return;
  const named = missing.slice(0, MAX_LISTED_RULES);
  const more = missing.length > named.length ? `; and ${missing.length - named.length} more` : '';
  throw new InvalidRequest(named.map(({ path, rule }) => `${path.join('.')} ${rule}`).join('; ') + more, named);
}

/** Fields that an item does not have stay as they are. */
export function toPushedToken({ token_id, ...document }: PushNftMetadata[number]): PushedToken {
  return { tokenId: token_id, document, keptFields: missingFieldsOf(document) };
}

export function toPushedStack({ metadata_id, ...document }: PushStackMetadata[number]): PushedStack {
  return { stackId: metadata_id, document, keptFields: missingFieldsOf(document) };
}

function itemsSchema<Item extends z.ZodType<Fields>>(itemSchema: Item, maximum: number, subject: string) {
  const rule = `must be a list of 1 to ${maximum} items`;
  return z
    .array(itemSchema, { error: rule })
    .min(1, { error: rule })
    .max(maximum, { error: rule })
    .superRefine(checkStorable)
    .meta({
      description: `The metadata of 1 to ${maximum} ${subject}. Each item has all of ${PUSHED_FIELDS.join(', ')}: null, or an empty text or list, takes a value away. Further fields are kept in the document. At most ${MAX_ITEM_BYTES} bytes each and ${MAX_LIST_BYTES} in all, as compact JSON.`,
    });
}

function missingFieldsOf(item: Readonly<Record<string, unknown>>): PushedField[] {
  return PUSHED_FIELDS.filter((field) => item[field] === undefined);
}

function checkStorable(items: readonly unknown[], context: z.RefinementCtx): void {
  let total = '[]'.length + items.length - 1;
  for (const [index, item] of items.entries()) {
    const unstorable = unstorableIn(item);
    if (unstorable) {
      context.addIssue({ code: 'custom', path: [index, ...unstorable.path], message: unstorable.rule });
      continue;
    }
    const bytes = Buffer.byteLength(JSON.stringify(item));
    total += bytes;
    if (bytes > MAX_ITEM_BYTES) {
      context.addIssue({
        code: 'custom',
        path: [index],
        message: `must be at most ${MAX_ITEM_BYTES} bytes of compact JSON; it is ${bytes}`,
      });
    }
  }
  if (total > MAX_LIST_BYTES) {
    context.addIssue({
      code: 'custom',
      message: `must be at most ${MAX_LIST_BYTES} bytes of compact JSON; it is ${total}`,
    });
  }
}
