import type { ChangedField, ChangedTrait, Collection, StagedChanges, TraitSummary } from '@app/token-store';
import type { RefreshErrorCode } from '../refresh-reason.js';
import type { TokenState } from '../receipt/refresh-tokens-reader.js';
import type { ShownRecord } from '../shown-record.js';
import type { RevealOutcome } from './reveal.js';

/** What publishing a reveal would change, at this time by the clock of the database. */
export interface RevealChanges extends StagedChanges {
  asOf: Date;
}

/** The traits of a collection as they would be. */
export interface RevealTraits {
  collection: Collection;
  traits: TraitSummary[];
}

/** What publishing a staged document would do to its record, as RevealOutcome counts it. */
export type PublicationEffect = keyof RevealOutcome;

/** What a staged document would change in its record; of a superseded one, what it would change otherwise. */
export interface StagedChange {
  changedFields: readonly ChangedField[];
  traitsAdded: readonly ChangedTrait[];
  traitsRemoved: readonly ChangedTrait[];
  /** false: there were too many traits for the two lists. */
  hasAllTraits: boolean;
}

/** A token of a reveal as it would be. */
export interface RevealToken extends StagedChange, ShownRecord {
  tokenId: string;
  /** Of the reveal's refresh, or of its last retry that has the token. `staged`: it has a document. */
  verdict: TokenState;
  /** null: it is not staged. */
  effect: PublicationEffect | null;
  /** Of a failed token, else null. */
  error: { errorCode: RefreshErrorCode; reason: string; advice: string; statusCode: number | null } | null;
  /** The URL that was requested last; null: none was. */
  metadataUrl: string | null;
  /** What is unusual about the document, each with one sentence. */
  warnings: readonly { code: string; message: string }[];
}

/** A row of the list of staged tokens. */
export interface StagedTokenRow extends StagedChange {
  tokenId: string;
  effect: PublicationEffect;
  name: string | null;
  imageUrl: string | null;
  /** Warning codes. */
  warnings: readonly string[];
}

/** A page of staged tokens, in the order of their ids. */
export interface StagedTokenPage {
  rows: StagedTokenRow[];
  /** The last token id; pass it as `after`. null: it is the last page. */
  next: string | null;
}

/** Which staged tokens to list. */
export interface StagedTokenQuery {
  /** Tokens of a page. A page is shorter if its documents are large. */
  limit: number;
  /** Only tokens with a greater id. */
  after?: string | undefined;
}
