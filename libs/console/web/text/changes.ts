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
