import { describeWarning } from '@app/metadata-fetch';
import type { FindingExample, StagedFinding } from '@app/token-store';

/** Something that a studio may not have meant. */
export interface LintFinding {
  /** A key of LINT_MESSAGES, or a warning about documents. */
  code: string;
  /** What it is, and what to do about it. */
  message: string;
  /** How many tokens; of findings about how a trait is written, how many trait types. */
  count: number;
  examples: readonly FindingExample[];
}

/** Each code with one sentence, in the order in which they are listed. */
export const LINT_MESSAGES: Readonly<Record<string, string>> = {
  not_staged:
    'These tokens of the collection have no staged document and keep what they show: retry the failed ones, or stage a selection that has them.',
  unchanged:
    'These tokens have the staged document already: if they show a placeholder, your Metadata API still serves it.',
  missing_name: 'These documents have no name.',
  missing_image: 'These documents have no image that a browser can show.',
  missing_attributes: 'These documents have no attributes, and others have some.',
  duplicate_document: 'These documents are equal: check that each token gets its own.',
  duplicate_image: 'These tokens share an image: check that it is not a placeholder.',
  duplicate_name: 'These tokens share a name.',
  rarely_missing_trait:
    'Few tokens have no value of these traits, and all others have one: check that none was forgotten.',
  repeated_trait: 'These tokens have several values of one trait: a filter finds them by each.',
  trait_types_alike:
    'These traits look the same and are different ones, by case, spaces or characters: use one spelling, or they are two filters.',
  trait_values_alike:
    'These values of a trait look the same and are different ones, by case, spaces or characters: use one spelling.',
  numbers_as_text:
    'The values of these traits are numbers within quotation marks: write them as JSON numbers, or filters by range do not find them.',
  mixed_values: 'These traits have numbers and words as values: filters by range find only the numbers.',
};

const ORDER = Object.keys(LINT_MESSAGES);

/** Warnings about documents come last, the most frequent first. */
export function toLint(findings: readonly StagedFinding[]): LintFinding[] {
  return findings
    .map((finding) => ({ ...finding, message: LINT_MESSAGES[finding.code] ?? describeWarning(finding.code) }))
    .toSorted((one, other) => orderOf(one) - orderOf(other) || other.count - one.count);
}

function orderOf({ code }: StagedFinding): number {
  const index = ORDER.indexOf(code);
  return index < 0 ? ORDER.length : index;
}
