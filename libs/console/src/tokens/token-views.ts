import { BoundedReads, TokenResponses, TokenVersions as Versions } from '@app/metadata-refresh';
import { Collections, TokenStore, VersionsNotSupported, type Collection } from '@app/token-store';
import { Inject, Injectable } from '@nestjs/common';
import { CONSOLE_CONFIG, type ConsoleConfig } from '../console.options.js';
import { notFound } from '../console.errors.js';
import { formatCursor, toMicroseconds } from '../cursor.js';
import { Names } from '../names.js';
import type { WantedPicture } from '../pictures/token-pictures.js';
import { maySee, ownProjectId, type Person } from '../person.js';
import type { Token, TokenAttempts, TokenList, TokenVersions, VersionDiff } from '../wire/token.schema.js';
import { toDiff, toListed, toToken, toTries, toVersionRow } from './tokens.presenter.js';

const ATTEMPTS_SIZE = 100;
const VERSIONS_SIZE = 50;
/** Collections whose tokens are looked up by an id alone, of one page. */
const COLLECTIONS_SIZE = 100;

/** A token as the address of its page names it. */
export interface TokenAddress {
  chainId: number;
  address: string;
  tokenId: string;
}

interface Position {
  createdAt: string;
  id: string;
}

/** What pages about tokens show, each in one bounded read. */
@Injectable()
export class TokenViews {
  constructor(
    @Inject(CONSOLE_CONFIG) private readonly config: ConsoleConfig,
    private readonly reads: BoundedReads,
    private readonly collections: Collections,
    private readonly tokens: TokenStore,
    private readonly responses: TokenResponses,
    private readonly versions: Versions,
    private readonly names: Names,
  ) {}

  token(person: Person, wanted: TokenAddress): Promise<Token> {
    return this.reads.run(async (now) => {
      const collection = await this.collectionOf(person, wanted);
      const { token, document } = await this.find(collection, wanted.tokenId);
      const projectOf = await this.names.ofProjects(person, [collection.projectId]);
      const traits = token.attributes.map(({ traitType, value }) => ({ traitType, value: String(value) }));
      return {
        now: now.toISOString(),
        token: toToken(token, {
          project: projectOf(collection.projectId),
          collection: await this.names.ofCollection(collection),
          collectionTokens: await this.tokens.countTokens(collection.id),
          traitCounts: await this.tokens.countTraits(collection.id, traits),
          document,
          actions: {
            refresh: person.mayAct && collection.sourceKind !== 'pushed',
            image: this.config.images !== 'off' && token.imageUrl !== null,
          },
        }),
      };
    });
  }

  /** The whole document, as served. */
  document(person: Person, wanted: TokenAddress): Promise<string> {
    return this.reads.run(async () => {
      const { document } = await this.find(await this.collectionOf(person, wanted), wanted.tokenId);
      if (document === null) throw notFound();
      return document;
    });
  }

  /** Which picture its page may load. Throws Refused if there is none, or where pictures are off. */
  picture(person: Person, wanted: TokenAddress): Promise<WantedPicture> {
    if (this.config.images === 'off') throw notFound();
    return this.reads.run(async () => {
      const { token } = await this.find(await this.collectionOf(person, wanted), wanted.tokenId);
      const { imageUrl, contentHash } = token;
      if (imageUrl === null) throw notFound();
      return { imageUrl, contentHash: contentHash ?? '' };
    });
  }

  attempts(person: Person, wanted: TokenAddress, after: Position | undefined): Promise<TokenAttempts> {
    return this.reads.run(async (now) => {
      const { id: collectionId } = await this.collectionOf(person, wanted);
      const page = { limit: ATTEMPTS_SIZE, after };
      const { rows, hasMore } = await this.responses.listOf({ collectionId, tokenId: wanted.tokenId }, page);
      const tries = toTries(rows);
      // The last one may have more requests on the next page, which then has all of them.
      if (hasMore && tries.length > 1) tries.pop();
      const [first] = tries.at(-1)?.requests ?? [];
      const last = rows.find(({ id }) => id === first?.id);
      return {
        now: now.toISOString(),
        rows: tries,
        next: hasMore && last ? formatCursor({ createdAt: last.createdAt, id: last.id }) : null,
      };
    });
  }

  history(person: Person, wanted: TokenAddress, before: number | undefined): Promise<TokenVersions> {
    return this.reads.run(async (now) => {
      const { id: collectionId } = await this.collectionOf(person, wanted);
      const page = { limit: VERSIONS_SIZE, before };
      const versions = await this.versions
        .list({ collectionId, tokenId: wanted.tokenId }, page)
        .catch((error: unknown) => {
          if (error instanceof VersionsNotSupported) return null;
          throw error;
        });
      const rows = versions?.rows.map(toVersionRow) ?? [];
      return {
        now: now.toISOString(),
        rows,
        next: versions?.hasMore ? formatCursor({ version: rows.at(-1)!.version }) : null,
        areKept: versions !== null,
      };
    });
  }

  diff(person: Person, wanted: TokenAddress, range: { from: number; to: number | undefined }): Promise<VersionDiff> {
    return this.reads.run(async (now) => {
      const collection = await this.collectionOf(person, wanted);
      const token = { collectionId: collection.id, tokenId: wanted.tokenId };
      const difference = await this.versions.diff(collection, wanted.tokenId, range);
      const [before, after] = [
        await this.versions.get(token, difference.from),
        await this.versions.get(token, difference.to),
      ];
      return { now: now.toISOString(), diff: toDiff(difference, before.document, after.document) };
    });
  }

  /** Tokens with this id of the collections that the person may see. */
  list(person: Person, tokenId: string, after: { createdAt: string; id: string } | undefined): Promise<TokenList> {
    return this.reads.run(async (now) => {
      const collections = await this.collections.list({
        projectId: ownProjectId(person),
        limit: COLLECTIONS_SIZE,
        ...(after && { after: { id: after.id, createdAt: new Date(after.createdAt) } }),
      });
      const records = await this.tokens.findTokens(collections.map(({ id }) => ({ collectionId: id, tokenId })));
      const nameOf = await this.names.ofCollections(records.map(({ collectionId }) => collectionId));
      const order = new Map(collections.map(({ id }, index) => [id, index]));
      const last = collections.length < COLLECTIONS_SIZE ? undefined : collections.at(-1);
      return {
        now: now.toISOString(),
        rows: records
          .toSorted((one, other) => order.get(one.collectionId)! - order.get(other.collectionId)!)
          .map((record) => toListed(record, nameOf(record.collectionId, record.collectionAddress))),
        next: last ? formatCursor({ createdAt: toMicroseconds(last.createdAt), id: last.id }) : null,
      };
    });
  }

  /** Throws Refused for one of another project. */
  async collectionOf(person: Person, { chainId, address }: TokenAddress): Promise<Collection> {
    const found = await this.collections.findByAddress(address);
    const collection = found.find((one) => one.chainId === chainId);
    if (!collection || !maySee(person, collection.projectId)) throw notFound();
    return collection;
  }

  private async find({ id: collectionId }: Collection, tokenId: string) {
    const found = await this.tokens.findTokenWithDocument({ collectionId, tokenId });
    if (!found) throw notFound();
    return found;
  }
}
