import { CollectionProfiles, Collections, type Collection, type StoredProfile } from '@app/token-store';
import { Injectable } from '@nestjs/common';
import type { PageCursor } from './page-cursor.js';

/** A collection with what its owner says of it. */
export interface ProfiledCollection {
  collection: Collection;
  /** null: its owner has sent nothing. */
  profile: StoredProfile | null;
}

/** Collections of a chain in the order of their ids. */
export interface CollectionPage {
  collections: ProfiledCollection[];
  previous: PageCursor | null;
  next: PageCursor | null;
}

export interface CollectionPageQuery {
  limit: number;
  cursor?: PageCursor | undefined;
}

/** The collections of a chain. */
@Injectable()
export class CollectionPages {
  constructor(
    private readonly collections: Collections,
    private readonly profiles: CollectionProfiles,
  ) {}

  async withProfile(collection: Collection): Promise<ProfiledCollection> {
    const [profile = null] = await this.profiles.find([collection.id]);
    return { collection, profile };
  }

  /** The page on the other side of the cursor's collection. */
  async page(chainId: number, { limit, cursor }: CollectionPageQuery): Promise<CollectionPage> {
    const direction = cursor?.direction ?? 'asc';
    const from = cursor?.collectionId;
    // One for the collection of the cursor, which is on another page, and one to know whether there is a further page.
    const found = await this.collections.listOnChain({ chainId, direction, from, limit: limit + 2 });
    const behind = found.filter(({ id }) => id !== from);
    const shown = behind.slice(0, limit);
    const onward = behind.length > limit ? placeOf(shown.at(-1)!, direction) : null;
    const back = cursor && shown[0] ? placeOf(shown[0], direction === 'asc' ? 'desc' : 'asc') : null;
    const profiles = new Map(
      (await this.profiles.find(shown.map(({ id }) => id))).map((one) => [one.collectionId, one]),
    );
    const rows = shown.map((collection) => ({ collection, profile: profiles.get(collection.id) ?? null }));
    return direction === 'asc'
      ? { collections: rows, previous: back, next: onward }
      : { collections: rows.toReversed(), previous: onward, next: back };
  }
}

function placeOf({ id }: Collection, direction: PageCursor['direction']): PageCursor {
  return { collectionId: id, tokenId: '0', direction };
}
