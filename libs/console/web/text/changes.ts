interface Trait {
  traitType: string;
  value: string;
}

export interface ChangedTrait {
  type: string;
  /** null: it was not there. */
  before: string | null;
  /** null: it is gone. */
  after: string | null;
}

/** What people call a field of the record. Those that are not here are called by their name. */
const FIELD_WORDS: Readonly<Record<string, string>> = {
  image_url: 'image',
  image_original: 'image',
  animation_url: 'animation',
  animation_original: 'animation',
  external_url: 'website',
  youtube_url: 'video',
  background_color: 'background colour',
  attributes: 'traits',
};

export function fieldWord(field: string): string {
  return FIELD_WORDS[field] ?? field.replaceAll('_', ' ');
}

/** The words of fields, each once: an image has two fields, its URL and what the document says. */
export function fieldWords(fields: readonly string[]): string[] {
  return [...new Set(fields.map(fieldWord))];
}

/** Pairs what was removed with what was added for the same trait: "Level 2 → 3" instead of two lines. */
export function changedTraits({
  traitsAdded,
  traitsRemoved,
}: {
  traitsAdded: readonly Trait[];
  traitsRemoved: readonly Trait[];
}): ChangedTrait[] {
  const added = [...traitsAdded];
  const paired = traitsRemoved.map(({ traitType: type, value: before }): ChangedTrait => {
    const index = added.findIndex(({ traitType }) => traitType === type);
    const after = index === -1 ? null : added.splice(index, 1)[0]!.value;
    return { type, before, after };
  });
  return [...paired, ...added.map(({ traitType, value }) => ({ type: traitType, before: null, after: value }))];
}
