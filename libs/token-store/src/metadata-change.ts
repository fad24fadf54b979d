import type { Attribute } from './token-metadata.js';
import type { TokenReference } from './token-record.js';

/** What of a token's record has become another value. */
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

/** One value of a trait, in text form (`5`, `true`), as it is counted and filtered by. */
export interface ChangedTrait {
  traitType: string;
  value: string;
}

/** How one record differs from what it was. */
export interface MetadataChange extends TokenReference {
  /** None when only other parts of the document have changed. */
  changedFields: readonly ChangedField[];
  /** Without what is too long to be filtered by: trait types and values of more than 500 characters. */
  traitsAdded: readonly ChangedTrait[];
  traitsRemoved: readonly ChangedTrait[];
  /** False: traits were left out of the two lists, because there are too many; read the record. */
  hasAllTraits: boolean;
}

/** Traits, and characters in them, that one list holds at most: 500 such changes are written in one row. */
const MAX_TRAITS = 100;
const MAX_CHARACTERS = 10_000;

/** Which traits a token has gained and lost. Both lists are bounded. */
export function traitDifference(
  before: ReadonlyMap<string, ChangedTrait>,
  after: ReadonlyMap<string, ChangedTrait>,
): Pick<MetadataChange, 'traitsAdded' | 'traitsRemoved' | 'hasAllTraits'> {
  const added = [...after].filter(([key]) => !before.has(key)).map(([, trait]) => trait);
  const removed = [...before].filter(([key]) => !after.has(key)).map(([, trait]) => trait);
  const [traitsAdded, traitsRemoved] = [bounded(added), bounded(removed)];
  const hasAllTraits = traitsAdded.length === added.length && traitsRemoved.length === removed.length;
  return { traitsAdded, traitsRemoved, hasAllTraits };
}

/** A token's different trait values, by their key. */
export function traitValues(attributes: readonly Attribute[]): Map<string, ChangedTrait> {
  const traits = new Map<string, ChangedTrait>();
  for (const { traitType, value } of attributes) {
    const trait = { traitType, value: String(value) };
    if (isIndexed(trait)) traits.set(JSON.stringify([traitType, trait.value]), trait);
  }
  return traits;
}

/** Longer than this is shown but not indexed: an index row has to fit a quarter of a page. */
const MAX_INDEXED_LENGTH = 500;

/** Whether a value is counted and can be filtered by. */
export function isIndexed({ traitType, value }: ChangedTrait): boolean {
  return traitType.length <= MAX_INDEXED_LENGTH && value.length <= MAX_INDEXED_LENGTH;
}

function bounded(traits: readonly ChangedTrait[]): ChangedTrait[] {
  let characters = 0;
  const tooMany = traits.findIndex(({ traitType, value }, index) => {
    characters += traitType.length + value.length;
    return index === MAX_TRAITS || characters > MAX_CHARACTERS;
  });
  return tooMany < 0 ? [...traits] : traits.slice(0, tooMany);
}
