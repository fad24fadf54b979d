/** How a token of a refresh ended, as `refresh_results.verdict` stores it. */
export const VERDICTS = {
  /** The content of its record changed. */
  updated: 'u',
  /** The document is the one that was stored already. */
  unchanged: 'n',
  /** A later fetch had stored its document first. */
  superseded: 's',
  failed: 'f',
  cancelled: 'c',
} as const;

export type Verdict = (typeof VERDICTS)[keyof typeof VERDICTS];

/** Whether the token counts as succeeded; all others count as failed. */
export function isSuccess(verdict: Verdict): boolean {
  return verdict !== VERDICTS.failed && verdict !== VERDICTS.cancelled;
}
