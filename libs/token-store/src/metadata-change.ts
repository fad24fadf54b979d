import type { Attribute, MetadataSourceKind } from './token-metadata.js';
import type { TokenReference } from './token-record.js';

/** A field of a token record whose value changed. */
export type ChangedField =
  | 'name'
  | 'description'
  | 'imageUrl'
  | 'imageOriginal'
  | 'animationUrl'
  | 'animationOriginal'
  | 'externalUrl'
  | 'youtubeUrl'
  | 'backgroundColor'
  | 'decimals'
  | 'localization'
  | 'attributes';

/** One value of a trait, in the text form (`5`, `true`) that counts and filters use. */
export interface ChangedTrait {
  traitType: string;
  value: string;
}

/** The difference between two versions of a record. */
export interface MetadataChange extends TokenReference {
  /** Where the new document came from. */
  source: MetadataSourceKind;
  /** Empty when only other parts of the document changed. */
  changedFields: readonly ChangedField[];
  /** Without trait types and values of more than 500 characters, which no filter can find. */
  traitsAdded: readonly ChangedTrait[];
  traitsRemoved: readonly ChangedTrait[];
  /** false: there were too many traits for the two lists, and some were left out; read the record. */
  hasAllTraits: boolean;
}

/** Limits of one list: up to 500 changes are written in one row. */
export const MAX_TRAITS = 100;
const MAX_CHARACTERS = 10_000;

/** The traits that a token gained and lost. Both lists are bounded. */
export function traitDifference(
  before: ReadonlyMap<string, ChangedTrait>,
  after: ReadonlyMap<string, ChangedTrait>,
): Pick<MetadataChange, 'traitsAdded' | 'traitsRemoved' | 'hasAllTraits'> {
  const [added, removed] = [missingIn(before, after), missingIn(after, before)];
  const [traitsAdded, traitsRemoved] = [bounded(added), bounded(removed)];
  const hasAllTraits = traitsAdded.length === added.length && traitsRemoved.length === removed.length;
  return { traitsAdded, traitsRemoved, hasAllTraits };
}

function missingIn(
  others: ReadonlyMap<string, ChangedTrait>,
  traits: ReadonlyMap<string, ChangedTrait>,
): ChangedTrait[] {
  const missing: ChangedTrait[] = [];
  for (const [key, trait] of traits) if (!others.has(key)) missing.push(trait);
  return missing;
}

/** The distinct trait values of a token, by key. */
export function traitValues(attributes: readonly Attribute[]): Map<string, ChangedTrait> {
  const traits = new Map<string, ChangedTrait>();
  for (const { traitType, value } of attributes) {
    const trait = { traitType, value: String(value) };
    if (isIndexed(trait)) traits.set(traitKey(trait), trait);
  }
  return traits;
}

/** Different for each value of each trait. */
export function traitKey({ traitType, value }: ChangedTrait): string {
  return `${traitType.length}:${traitType}${value}`;
}

/** Longer values are shown and not indexed: an index row has to fit a quarter of a page. */
const MAX_INDEXED_LENGTH = 500;

/** Whether a value is counted and filters can find it. */
export function isIndexed({ traitType, value }: ChangedTrait): boolean {
  return traitType.length <= MAX_INDEXED_LENGTH && value.length <= MAX_INDEXED_LENGTH;
}

/** The first of these traits, within the limits of one list. */
export function bounded(traits: readonly ChangedTrait[]): ChangedTrait[] {
  let characters = 0;
  const tooMany = traits.findIndex(({ traitType, value }, index) => {
    characters += traitType.length + value.length;
    return index === MAX_TRAITS || characters > MAX_CHARACTERS;
  });
  return tooMany < 0 ? [...traits] : traits.slice(0, tooMany);
}
