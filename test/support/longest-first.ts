import { basename } from 'node:path';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** Suites that take long, most of them because they wait: begun last, they would decide when the run ends. The longest first. */
const LONGEST = [
  'documents.property',
  'vocabulary',
  'demo',
  'webhook-delivery',
  'listing-search',
  'refresh-validation',
  'cli-management',
  'hostile-metadata-hosts',
  'chain-node-failures',
  'rpc-node-failures',
  'embedded-postgres',
  'chain-events',
  'refresh-by-age',
  'marketplace-example',
  'metadata-fetch',
  'queue-chunks',
  'embedding-guide',
  'reveal-readers',
];

/** Vitest's order, in which large files come first, after these suites. It knows how long suites took only on the same machine. */
export class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    return (await super.sort(files)).toSorted((one, other) => rankOf(one) - rankOf(other));
  }
}

function rankOf({ moduleId }: TestSpecification): number {
  const rank = LONGEST.findIndex((name) => basename(moduleId).startsWith(`${name}.`));
  return rank === -1 ? LONGEST.length : rank;
}
