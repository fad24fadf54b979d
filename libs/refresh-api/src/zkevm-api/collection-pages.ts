import { CollectionProfiles, Collections, type Collection, type StoredProfile } from '@app/token-store';
import { Injectable } from '@nestjs/common';
import { walkPage, type Found, type Page, type PageQuery, type Step } from './page-cursor.js';

/** A collection with its own metadata. */
export interface ProfiledCollection {
  collection: Collection;
  /** null: its owner has sent nothing. */
  profile: StoredProfile | null;
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

  /** In the order of their ids. */
  async page(chainId: number, query: PageQuery): Promise<Page<ProfiledCollection>> {
    const walk = async ({ direction, after, limit }: Step): Promise<Found<Collection>> => {
      const from = after?.collectionId;
      // One more for the collection of the cursor, which is on another page.
      const found = await this.collections.listOnChain({ chainId, direction, from, limit: limit + 1 });
      return { rows: found.filter(({ id }) => id !== from), reached: null };
    };
    const page = await walkPage(query, walk, ({ id }) => ({ collectionId: id, id: '' }));
    const profiles = await this.profiles.find(page.rows.map(({ id }) => id));
    const byId = new Map(profiles.map((profile) => [profile.collectionId, profile]));
    const rows = page.rows.map((collection) => ({ collection, profile: byId.get(collection.id) ?? null }));
    return { ...page, rows };
  }
}
