import { Collections } from '@app/token-store';
import { Listings } from '../listings/listings.js';
import type { Session } from './session.js';

/**
 * A collection with its tokens, and what is for sale of it. Returns how many tokens there were. The application's own table
 * knows a collection by its id only, so its rows go first: a removal that is interrupted can be made again while the
 * collection is known. Whatever was put up for sale meanwhile goes at the end.
 */
export async function removeCollection(session: Session, collectionId: string): Promise<number> {
  const listings = await session.get(Listings);
  await listings.removeOf(collectionId);
  const tokens = await (await session.get(Collections)).remove(collectionId);
  await listings.removeOf(collectionId);
  return tokens;
}
