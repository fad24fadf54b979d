import type { ErrorRow, ListingRow, RefreshBody, TokenRow } from './api-client.js';
import { EXPECTED } from './sample-collection.js';

export function say(line = ''): void {
  process.stdout.write(`${line}\n`);
}

/** The receipt, as its reader needs it: how the tokens ended, why some failed, and what to do about it. */
export function reportReceipt({ verdicts, reasons }: RefreshBody): void {
  const counts = Object.entries(verdicts).filter(([, count]) => count > 0);
  say(`Verdicts: ${counts.map(([verdict, count]) => `${count} ${verdict}`).join(', ')}.\n`);
  say('Why tokens failed, and what the studio can do. Their records still show the last good metadata:');
  for (const { reason, count, example_token_id, advice } of reasons) {
    say(`  ${count} × ${reason}, for example token ${example_token_id}`);
    say(`      ${advice}`);
  }
}

export function reportChange({ token_id, changed_fields, traits_added }: TokenRow): void {
  say(`\nWhat changed, for example in token ${token_id}:`);
  say(`  fields  ${changed_fields.join(', ')}`);
  say(`  traits  ${traits_added.map(({ trait_type, value }) => `+ ${trait_type}: ${value}`).join(', ')}`);
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
export function differences({ summary, verdicts }: RefreshBody, errors: readonly ErrorRow[]): string[] {
  const found: string[] = [];
  const compare = (what: string, actual: number, expected: number) => {
    if (actual !== expected) found.push(`${what}: ${actual} instead of ${expected}`);
  };
  compare('succeeded', summary.succeeded, EXPECTED.succeeded);
  compare('failed', summary.failed, EXPECTED.failed);
  compare('updated', verdicts['updated'] ?? 0, EXPECTED.succeeded);
  for (const [code, expected] of Object.entries(EXPECTED.codes)) {
    compare(code, errors.filter(({ error_code }) => error_code === code).length, expected);
  }
  return found;
}
