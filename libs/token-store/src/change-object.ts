import type { ChangedTrait, MetadataChange } from './metadata-change.js';

/** What a change is for programs: in responses, messages to webhooks and files. */
export interface ChangeObject {
  changed_fields: string[];
  traits_added: { trait_type: string; value: string }[];
  traits_removed: { trait_type: string; value: string }[];
  has_all_traits: boolean;
}

/** The spelling of a change outside of this program, with the names of fields that token records have there. */
export function toChangeObject(
  change: Pick<MetadataChange, 'changedFields' | 'traitsAdded' | 'traitsRemoved' | 'hasAllTraits'>,
): ChangeObject {
  return {
    changed_fields: toFieldNames(change.changedFields),
    traits_added: change.traitsAdded.map(toTraitObject),
    traits_removed: change.traitsRemoved.map(toTraitObject),
    has_all_traits: change.hasAllTraits,
  };
}

/** The names of the fields in token records outside of this program: `imageUrl` is `image_url`. */
export function toFieldNames(changedFields: readonly string[]): string[] {
  return changedFields.map((name) => name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`));
}

function toTraitObject({ traitType, value }: ChangedTrait) {
  return { trait_type: traitType, value };
}
