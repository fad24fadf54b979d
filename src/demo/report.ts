import type { ErrorRow, ListingRow, RefreshBody } from './api-client.js';
import { EXPECTED } from './sample-collection.js';

export function say(line = ''): void {
  process.stdout.write(`${line}\n`);
}

export function reportErrors(errors: readonly ErrorRow[]): void {
  say(`${errors.length} tokens could not be refreshed; their records still show the last good metadata:`);
  for (const { token_id, error_code, reason } of errors) {
    say(`  token ${token_id.padEnd(5)} ${error_code.padEnd(30)} ${reason}`);
  }
}

export function reportListings(title: string, listings: readonly ListingRow[]): void {
  say(title);
  for (const { token } of listings) {
    if (!token) continue;
    const { token_id, name, description, metadata_status, attributes } = token;
    const about = `${description ?? 'no description'}, ${attributes.length} attributes`;
    say(`  token ${token_id.padEnd(5)} ${name.padEnd(16)} ${metadata_status.padEnd(6)} ${about}`);
  }
}

/** The differences from the expected outcome. */
export function differences({ summary }: RefreshBody, errors: readonly ErrorRow[]): string[] {
  const found: string[] = [];
  const compare = (what: string, actual: number, expected: number) => {
    if (actual !== expected) found.push(`${what}: ${actual} instead of ${expected}`);
  };
  compare('succeeded', summary.succeeded, EXPECTED.succeeded);
  compare('failed', summary.failed, EXPECTED.failed);
  for (const [code, expected] of Object.entries(EXPECTED.codes)) {
    compare(code, errors.filter(({ error_code }) => error_code === code).length, expected);
  }
  return found;
}
