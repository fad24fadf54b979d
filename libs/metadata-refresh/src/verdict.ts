/** How a token of a refresh ended, as `refresh_results.verdict` stores it. */
export const VERDICTS = {
  /** The content of its record changed. */
  updated: 'u',
  /** The document is the one that was stored already. */
  unchanged: 'n',
  /** A later fetch had stored its document first. */
  superseded: 's',
  /** Its record is kept as it is until a time: nothing was fetched. */
  held: 'h',
  /** Its document was saved for a reveal. */
  staged: 't',
  failed: 'f',
  /** The refresh was cancelled before the token was processed. */
  cancelled: 'c',
} as const;

export type VerdictName = keyof typeof VERDICTS;
export type Verdict = (typeof VERDICTS)[VerdictName];

/** How many tokens of a refresh ended with each verdict. */
export type VerdictCounts = Record<VerdictName, number>;

export const VERDICT_NAMES = Object.keys(VERDICTS) as VerdictName[];

/** All counts at 0. */
export const NO_VERDICTS = Object.fromEntries(VERDICT_NAMES.map((name) => [name, 0])) as VerdictCounts;

const NAME_OF = new Map<Verdict, VerdictName>(VERDICT_NAMES.map((name) => [VERDICTS[name], name]));

export function verdictName(verdict: Verdict): VerdictName {
  return NAME_OF.get(verdict)!;
}
