import type { PushedDocument } from '@app/metadata-fetch';
import type { TokenRecord } from '@app/token-store';
import type { EntityManager } from '@mikro-orm/postgresql';
import type { QuotaState } from '../metadata-refresh.errors.js';

/** The fields of a document that a record shows and a push can leave as they are. */
export const PUSHED_FIELDS = [
  'name',
  'description',
  'image',
  'external_url',
  'animation_url',
  'youtube_url',
  'attributes',
] as const;
export type PushedField = (typeof PUSHED_FIELDS)[number];

/** A document that its owner sends. */
export interface PushedMetadata {
  /** It replaces the document of the record. null in a field takes its value away. */
  document: PushedDocument;
  /** Fields that the document does not have, and that stay as they are in the record. Absent: none. */
  keptFields?: readonly PushedField[] | undefined;
}

/** The metadata of one token. */
export interface PushedToken extends PushedMetadata {
  /** Decimal uint256. */
  tokenId: string;
}

/** The metadata of all tokens of one stack. */
export interface PushedStack extends PushedMetadata {
  stackId: string;
}

/** The collection of a push, and its conditions. */
export interface PushConditions {
  chainId: number;
  collectionAddress: string;
  /** A last condition, inside the transaction: what it throws refuses the push. */
  admit?: ((em: EntityManager) => Promise<void>) | undefined;
}

/** Metadata of tokens of one collection, to be written as given. */
export interface PushRequest extends PushConditions {
  /** At least one. Of a token that is given twice, the last document counts. */
  tokens: readonly PushedToken[];
}

/** Metadata of stacks of one collection, to be written as given. */
export interface StackPushRequest extends PushConditions {
  /** At least one. Of a stack that is given twice, the last document counts. */
  stacks: readonly PushedStack[];
}

/** Its records are written: readers see them. */
export interface PushReceipt {
  refreshId: string;
  quota: QuotaState;
}

/** The document with the values that the record has in its kept fields. */
export function withKeptFields(
  { document, keptFields = [] }: PushedMetadata,
  record: TokenRecord | undefined,
): PushedDocument {
  const kept = keptFields.map((field) => [field, record ? valueOf(record, field) : null] as const);
  return { ...document, ...Object.fromEntries(kept) };
}

function valueOf(record: TokenRecord, field: PushedField): unknown {
  switch (field) {
    case 'name':
      return record.name;
    case 'description':
      return record.description;
    case 'image':
      return record.imageOriginal ?? record.imageUrl;
    case 'external_url':
      return record.externalUrl;
    case 'animation_url':
      return record.animationOriginal ?? record.animationUrl;
    case 'youtube_url':
      return record.youtubeUrl;
    case 'attributes':
      return record.attributes.map(({ traitType, value, displayType, maxValue }) => ({
        trait_type: traitType,
        value,
        ...(displayType !== null && { display_type: displayType }),
        ...(maxValue !== null && { max_value: maxValue }),
      }));
  }
}
