import type { ChangedField } from '../metadata-change.js';

/** What a publication would change now. Tokens with a staged document are counted in one of the first four. */
export interface StagedChanges {
  updated: number;
  unchanged: number;
  superseded: number;
  missing: number;
  /** Of the updated ones: they have no metadata yet. */
  firstMetadata: number;
  /** Other tokens of the collection: they stay as they are. */
  notStaged: number;
  /** How many of the updated ones get another value in each field of the record. */
  fields: Record<ChangedField, number>;
  traits: {
    /** Updated tokens with other traits than before. */
    tokens: number;
    /** Values that tokens gain and lose, summed over all tokens. */
    added: number;
    removed: number;
    /** Values and types that no token has now, or that no token would have any more. */
    valuesAdded: number;
    valuesRemoved: number;
    typesAdded: number;
    typesRemoved: number;
  };
}

/** What a studio may not have meant. */
export interface StagedFinding {
  code: string;
  /** How many tokens; of findings about how a trait is written, how many trait types. */
  count: number;
  examples: FindingExample[];
}

export interface FindingExample {
  /** How many tokens this example is about. */
  tokens: number;
  /** The first of them, in the order of their ids. */
  tokenIds: string[];
  traitTypes: string[];
  values: string[];
}
