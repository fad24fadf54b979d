import { Listings } from '../listings/listings.js';
import type { Session } from './session.js';

/** The application's own table knows a collection by its id only: nothing else removes these rows. */
export async function removeListingsOf(session: Session, collectionId: string): Promise<void> {
  await (await session.get(Listings)).removeOf(collectionId);
}
