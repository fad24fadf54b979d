import type { EntityManager } from '@mikro-orm/postgresql';
import type { MetadataSourceKind, TokenMetadata } from '../token-metadata.js';
import type { TokenReference } from '../token-record.js';
import { PreviewsNotSupported } from '../token-store.errors.js';
import type { TraitSummary } from '../token-store.js';
import type { KeptDocument, VersionReference } from '../version-store.js';
import type { StagedChanges, StagedFinding } from './staged-preview.js';

/** A reveal, and the collection that it is of. */
export interface StagedReveal {
  revealId: string;
  collectionId: string;
}

/** A document that was fetched for a reveal, and that no reader sees yet. */
export interface StagedDocument extends StagedReveal, TokenReference {
  /** Of its claim. Publishing it does not overwrite a fetch that was claimed later. */
  fetchSeq: string;
  /** The refresh that fetched it. */
  refreshId: string;
  metadata: TokenMetadata;
  metadataUrl: string;
  metadataSource: MetadataSourceKind;
  /** The validators of the response. */
  etag: string | undefined;
  lastModified: string | undefined;
}

/** A version that a reveal has made. */
export interface RevealedVersion extends VersionReference {
  /** The version before it; null: there was none, it is not kept any more, or the record has another version by now. */
  earlier: KeptDocument | null;
}

/** Which documents to read, in the order of token ids. */
export interface StagedPageQuery extends StagedReveal {
  /** Only tokens with a larger id. */
  after: string | null;
  /** The most documents; fewer if they are large. */
  limit: number;
}

/**
 * The port to documents that are fetched ahead, and shown together when their reveal is published. `TokenStore.writeMetadata` writes
 * them then. A host with a TokenStore of its own may provide one; without it, there are no reveals.
 */
export abstract class StagingStore {
  /** Whether documents can be staged. */
  readonly isSupported: boolean = true;

  /** Called before the transaction that stages these, outside of any, as `TokenStore.prepareWrites`. */
  abstract prepare(documents: readonly StagedDocument[]): Promise<void>;

  /**
   * Stages documents inside the caller's transaction. Of two documents of a token, the one that was claimed later stays. Returns how
   * many tokens of each reveal had none before.
   */
  abstract stage(em: EntityManager, documents: readonly StagedDocument[]): Promise<Map<string, number>>;

  /** Reads staged documents inside the caller's transaction, in the order of token ids. None: there are no more. */
  abstract page(em: EntityManager, query: StagedPageQuery): Promise<StagedDocument[]>;

  /**
   * What publishing the staged documents would change now. This and the next two read everything that is staged, in the caller's
   * transaction, which only reads. These default implementations throw PreviewsNotSupported.
   */
  async compare(_em: EntityManager, _reveal: StagedReveal): Promise<StagedChanges> {
    throw new PreviewsNotSupported();
  }

  /** As `TokenStore.listTraits`, of the collection as it would be after the publication. */
  async listTraits(_em: EntityManager, _reveal: StagedReveal, _valuesPerType?: number): Promise<TraitSummary[]> {
    throw new PreviewsNotSupported();
  }

  /** What is unusual about the staged documents, and about the collection as it would be. */
  async inspect(_em: EntityManager, _reveal: StagedReveal): Promise<StagedFinding[]> {
    throw new PreviewsNotSupported();
  }

  /** Records the versions that publishing a reveal has made, inside the transaction that wrote them. */
  abstract recordRevealed(em: EntityManager, revealId: string, versions: readonly VersionReference[]): Promise<void>;

  /**
   * Reads what `recordRevealed` has recorded, with the documents that the reveal has replaced, inside the caller's transaction, in the
   * order of token ids. None: there are no more.
   */
  abstract pageRevealed(em: EntityManager, query: StagedPageQuery): Promise<RevealedVersion[]>;

  /** Deletes staged documents of a reveal, at most `limit`. Returns how many. */
  abstract deleteStaged(revealId: string, limit: number): Promise<number>;

  /** The same for what `recordRevealed` has recorded. */
  abstract deleteRevealed(revealId: string, limit: number): Promise<number>;
}
