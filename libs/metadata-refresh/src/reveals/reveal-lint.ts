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

/** Each code with one sentence, in the order in which they are listed. It is right for one token, trait or document, and for many. */
export const LINT_MESSAGES: Readonly<Record<string, string>> = {
  not_staged:
    'A token of the collection without a staged document keeps what it shows: retry it if it failed, or stage a selection that has it.',
  unchanged: 'The token has the staged document already: if it shows a placeholder, your Metadata API still serves it.',
  missing_name: 'The document has no name.',
  missing_image: 'The document has no image that a browser can show.',
  missing_attributes: 'The document has no attributes, and others have some.',
  duplicate_document: 'These documents are equal: check that each token gets its own.',
  duplicate_image: 'These tokens share an image: check that it is not a placeholder.',
  duplicate_name: 'These tokens share a name.',
  rarely_missing_trait: 'Nearly all tokens have a value of the trait: check that none was forgotten.',
  repeated_trait: 'The token has several values of one trait: a filter finds it by each.',
  trait_types_alike:
    'These traits look the same and are different ones, by case, spaces or characters: use one spelling, or they are two filters.',
  trait_values_alike:
    'These values of a trait look the same and are different ones, by case, spaces or characters: use one spelling.',
  numbers_as_text:
    'The trait has numbers within quotation marks as values: write each as a JSON number, or filters by range do not find it.',
  mixed_values: 'The trait has numbers and words as values: filters by range find only the numbers.',
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
