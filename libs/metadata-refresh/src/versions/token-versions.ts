import { documentPatch, MetadataFetcher, PushedDocuments, type FetchedMetadata } from '@app/metadata-fetch';
import {
  TokenStore,
  VersionStore,
  type KeptDocument,
  type ChangedField,
  type ChangedTrait,
  type Collection,
  type TokenReference,
  type TokenVersion,
  type VersionDocument,
} from '@app/token-store';
import { Inject, Injectable } from '@nestjs/common';
import { isDeepStrictEqual } from 'node:util';
import { TokensNotFound, VersionNotFound, VersionNotKept } from '../metadata-refresh.errors.js';
import { keepsDocuments, METADATA_REFRESH_CONFIG, type MetadataRefreshConfig } from '../metadata-refresh.options.js';
import { toPage, type Page } from '../receipt/page.js';
import { toLocation } from '../queue/refresh-source.js';

/** Two versions, in any order. */
export interface VersionRange {
  from: number;
  to: number;
}

/** What changed from one version to another. */
export interface VersionDifference extends VersionRange {
  changedFields: readonly ChangedField[];
  traitsAdded: readonly ChangedTrait[];
  traitsRemoved: readonly ChangedTrait[];
  /** false: there were too many traits for the two lists, and some were left out. */
  hasAllTraits: boolean;
  /** JSON text: the JSON Patch (RFC 6902) from the one document to the other; null: the documents are too large to compare. */
  patch: string | null;
}

/** A version whose document is kept. */
export type KeptVersion = VersionDocument & { document: string };

/** Reads the history of tokens. */
@Injectable()
export class TokenVersions {
  constructor(
    private readonly tokens: TokenStore,
    private readonly versions: VersionStore,
    private readonly fetcher: MetadataFetcher,
    private readonly pushed: PushedDocuments,
    @Inject(METADATA_REFRESH_CONFIG) private readonly config: Pick<MetadataRefreshConfig, 'keepVersions'>,
  ) {}

  /** Whether documents that are replaced are kept, so that they can be restored. */
  get areKept(): boolean {
    return keepsDocuments(this.config);
  }

  /** Newest first. `before`: only versions with a smaller number. Throws TokensNotFound, VersionsNotSupported. */
  async list(
    token: TokenReference,
    { limit, before }: { limit: number; before?: number | undefined },
  ): Promise<Page<TokenVersion>> {
    const versions = await this.versions.listVersions({ ...token, limit: limit + 1, before });
    if (versions.length === 0) await this.expectToken(token);
    return toPage(versions, limit);
  }

  /** Throws TokensNotFound, VersionNotFound, VersionNotKept, VersionsNotSupported. */
  async get(token: TokenReference, version: number): Promise<KeptVersion> {
    const found = await this.versions.findVersion(token, version);
    if (!found) {
      await this.expectToken(token);
      throw new VersionNotFound(version);
    }
    const { document } = found;
    if (document === null) throw new VersionNotKept(version);
    return { ...found, document };
  }

  /** `to` is the present version when absent. Throws the same as `get`. */
  async diff(
    collection: Collection,
    tokenId: string,
    { from, to: wanted }: { from: number; to?: number | undefined },
  ): Promise<VersionDifference> {
    const token = { collectionId: collection.id, tokenId };
    const to = wanted ?? (await this.presentVersion(token));
    const [before, after] = await Promise.all([this.get(token, from), this.get(token, to)]);
    const change = await this.versions.findChangesBetween({ ...token, from, to });
    const isOneStep = Math.abs(to - from) <= 1;
    return {
      ...change,
      from,
      to,
      changedFields: isOneStep
        ? change.changedFields
        : await this.withoutEqual(change.changedFields, { collection, tokenId }, before, after),
      patch: documentPatch(before.document, after.document),
    };
  }

  /** The document as the record of a token, normalised as today. Of one that was pushed, no other fields are shown than then. */
  async normalize(
    { collection, tokenId }: { collection: Collection; tokenId: string },
    stored: KeptDocument,
  ): Promise<FetchedMetadata> {
    if (stored.isPushed) return this.pushed.readStored(stored);
    const target = { source: toLocation(collection), collectionId: collection.id, tokenId };
    return this.fetcher.readStored(target, stored);
  }

  /** Of several versions, a field may have changed and changed back. */
  private async withoutEqual(
    fields: readonly ChangedField[],
    token: { collection: Collection; tokenId: string },
    before: KeptVersion,
    after: KeptVersion,
  ): Promise<ChangedField[]> {
    const [one, other] = await Promise.all([this.normalize(token, before), this.normalize(token, after)]);
    return fields.filter((field) => !isDeepStrictEqual(one[field], other[field]));
  }

  private async presentVersion(token: TokenReference): Promise<number> {
    const [present] = await this.versions.listVersions({ ...token, limit: 1 });
    if (present) return present.version;
    await this.expectToken(token);
    throw new VersionNotFound(1);
  }

  private async expectToken(token: TokenReference): Promise<void> {
    if (!(await this.tokens.findToken(token))) throw new TokensNotFound([token.tokenId]);
  }
}
