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
    changed_fields: change.changedFields.map(toSnakeCase),
    traits_added: change.traitsAdded.map(toTraitObject),
    traits_removed: change.traitsRemoved.map(toTraitObject),
    has_all_traits: change.hasAllTraits,
  };
}

function toTraitObject({ traitType, value }: ChangedTrait) {
  return { trait_type: traitType, value };
}

function toSnakeCase(name: string): string {
  return name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}
