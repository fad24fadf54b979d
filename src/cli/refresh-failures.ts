import type { Session } from './session.js';

/** Failures as printed: the number of tokens for each reason, one example, and what can be done. */
export interface ShownFailure {
  error_code: string;
  reason: string;
  tokens: number;
  example: { token_id: string; url: string | null; status: number | null };
  advice: string;
}

/** The most frequent reason first. */
export async function readFailures(session: Session, refreshIds: readonly string[]): Promise<ShownFailure[]> {
  const failures = await (await session.get('refreshes')).countFailures(refreshIds);
  return failures.map(({ errorCode, reason, tokens, example, advice }) => ({
    error_code: errorCode,
    reason,
    tokens,
    example: { token_id: example.tokenId, url: example.metadataUrl || null, status: example.statusCode },
    advice,
  }));
}

/** Two lines: what failed, and what can be done. */
export function toFailureLines({ error_code, reason, tokens, example, advice }: ShownFailure): string[] {
  const where = example.url === null ? '' : ` at ${example.url}`;
  const status = example.status === null ? '' : `, status ${example.status}`;
  return [
    `failed as ${error_code}, ${reason}: ${tokens}, such as token ${example.token_id}${where}${status}`,
    `  ${advice}`,
  ];
}
