import { Collections } from '@app/token-store';
import { Listings } from '../listings/listings.js';
import type { Session } from './session.js';

/** Removes a collection with its tokens and listings. Returns how many tokens there were. */
export async function removeCollection(session: Pick<Session, 'get'>, collectionId: string): Promise<number> {
  const listings = await session.get(Listings);
  return (await session.get(Collections)).remove(collectionId, () => listings.deleteByCollection(collectionId));
}
