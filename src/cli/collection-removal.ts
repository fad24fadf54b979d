import { Collections } from '@app/token-store';
import { Listings } from '../listings/listings.js';
import type { Session } from './session.js';

/**
 * Removes a collection with its tokens and listings. Returns the number of removed tokens. The listings go first, because
 * they name the collection only by its id: you can repeat an interrupted removal while the collection still exists. A second
 * pass at the end removes listings that were added meanwhile.
 */
export async function removeCollection(session: Session, collectionId: string): Promise<number> {
  const listings = await session.get(Listings);
  await listings.removeOf(collectionId);
  const tokens = await (await session.get(Collections)).remove(collectionId);
  await listings.removeOf(collectionId);
  return tokens;
}
