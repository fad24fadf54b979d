import { Collections, TokenStore, type Collection, type TokenRecord } from '@app/token-store';
import { Injectable } from '@nestjs/common';
import { InvalidRequest } from '../invalid-request.js';
import { cursorRule, type PageCursor } from './page-cursor.js';

export interface NftQuery {
  limit: number;
  cursor?: PageCursor | undefined;
  /** Only tokens that were registered, or whose content changed, then or later. */
  updatedSince?: Date | undefined;
}

/** Tokens in the order of collections and token ids, and the places of the pages around them. */
export interface NftPage {
  tokens: TokenRecord[];
  /** null: this is the first page. */
  previous: PageCursor | null;
  /** null: this is the last page. */
  next: PageCursor | null;
}

/** What one step of a walk has found, in the direction of the walk. */
interface Found {
  tokens: TokenRecord[];
  /** The last token that was looked at, if there may be more behind it. */
  reached: Place | null;
}

type Place = Omit<PageCursor, 'direction'>;
type Direction = PageCursor['direction'];

/** Collections that one page looks into: an empty page may have a next one. */
const MAX_COLLECTIONS = 20;
/** Before and after every token id. */
const FIRST = { asc: undefined, desc: undefined };

/** Pages of tokens that can be walked in both directions. The work for one page is bounded, so a page may have fewer tokens than asked for. */
@Injectable()
export class NftPages {
  constructor(
    private readonly collections: Collections,
    private readonly tokens: TokenStore,
  ) {}

  /** Throws InvalidRequest for a cursor of another list. */
  async ofCollection(collection: Collection, query: NftQuery): Promise<NftPage> {
    if (query.cursor && query.cursor.collectionId !== collection.id) throw foreignCursor();
    return toPage(query, ({ direction, after, limit }) =>
      this.find(collection, { ...query, direction, after: after?.tokenId, limit }),
    );
  }

  /** Of these tokens, those that are registered. */
  async ofTokens(collection: Collection, tokenIds: readonly string[], query: NftQuery): Promise<NftPage> {
    const { id: collectionId } = collection;
    const ids = [...new Set(tokenIds)];
    const records = await this.tokens.findTokens(ids.map((tokenId) => ({ collectionId, tokenId })));
    const found = records.filter(isUpdatedSince(query.updatedSince));
    return toPage(query, async ({ direction, after, limit }) => {
      const sign = direction === 'asc' ? 1 : -1;
      const behind = found
        .toSorted((one, other) => sign * compareIds(one.tokenId, other.tokenId))
        .filter(({ tokenId }) => !after || sign * compareIds(tokenId, after.tokenId) > 0);
      return { tokens: behind.slice(0, limit), reached: null };
    });
  }

  async onChain(chainId: number, query: NftQuery): Promise<NftPage> {
    return toPage(query, async ({ direction, after, limit }) => {
      const page = { chainId, direction, from: after?.collectionId, limit: MAX_COLLECTIONS };
      const collections = await this.collections.listOnChain(page);
      const tokens: TokenRecord[] = [];
      for (const collection of collections) {
        const from = collection.id === after?.collectionId ? after.tokenId : FIRST[direction];
        const found = await this.find(collection, { ...query, direction, after: from, limit: limit - tokens.length });
        tokens.push(...found.tokens);
        if (found.reached || tokens.length === limit) return { tokens, reached: found.reached };
      }
      const last = collections.length === MAX_COLLECTIONS ? collections.at(-1)! : null;
      return { tokens, reached: last && endOf(last, direction) };
    });
  }

  private async find(
    { id: collectionId }: Collection,
    {
      direction,
      after,
      limit,
      updatedSince,
    }: Pick<NftQuery, 'updatedSince'> & { direction: Direction; after: string | undefined; limit: number },
  ): Promise<Found> {
    const page = { collectionId, direction, limit, ...(after !== undefined && { after }) };
    const { tokens, next } = updatedSince
      ? await this.tokens.pageUpdated({ ...page, updatedSince })
      : await this.tokens.pageTokens(page);
    const isBehind = tokens.length < limit && next !== null;
    return { tokens, reached: isBehind && updatedSince ? { collectionId, tokenId: next } : null };
  }
}

type Step = (step: { direction: Direction; after: Place | undefined; limit: number }) => Promise<Found>;

/** One token more than the page shows tells whether there is another page. */
async function toPage({ limit, cursor }: NftQuery, walk: Step): Promise<NftPage> {
  const direction = cursor?.direction ?? 'asc';
  const { tokens: found, reached } = await walk({ direction, after: cursor, limit: limit + 1 });
  const shown = found.slice(0, limit);
  const further = found.length > limit ? placeOf(shown.at(-1)!) : reached;
  const onward = further && { ...further, direction };
  const opposite = direction === 'asc' ? ('desc' as const) : ('asc' as const);
  const back = cursor && shown[0] ? { ...placeOf(shown[0]), direction: opposite } : null;
  return direction === 'asc'
    ? { tokens: shown, previous: back, next: onward }
    : { tokens: shown.toReversed(), previous: onward, next: back };
}

function placeOf({ collectionId, tokenId }: TokenRecord): Place {
  return { collectionId, tokenId };
}

/** The largest token id, or the smallest: nothing of the collection is behind it. */
function endOf({ id }: Collection, direction: Direction): Place {
  return { collectionId: id, tokenId: direction === 'asc' ? String(2n ** 256n - 1n) : '0' };
}

function isUpdatedSince(time: Date | undefined) {
  return ({ registeredAt, changedAt }: TokenRecord) =>
    !time || registeredAt >= time || (changedAt !== null && changedAt >= time);
}

function compareIds(one: string, other: string): number {
  return one.length - other.length || (one < other ? -1 : Number(one > other));
}

function foreignCursor(): InvalidRequest {
  return new InvalidRequest(`page_cursor ${cursorRule}`, [{ path: ['page_cursor'], rule: cursorRule }]);
}
