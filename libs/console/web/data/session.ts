import type { Session, SignIn } from '../../src/wire/index.js';
import { forgetResponses, noteSignedIn, send } from './api.js';
import { queryClient, SLOW_MS, useRead, type Read } from './queries.js';

const PATH = 'session';

export function useSession(): Read<Session> {
  return useRead<Session>(PATH, SLOW_MS * 4);
}

/** Throws ApiError. The page is then the one whose URL was opened. */
export async function signIn(credentials: SignIn): Promise<void> {
  await changePerson(await send<Session>('POST', PATH, credentials));
}

export async function signOut(): Promise<void> {
  await send('DELETE', PATH);
  location.reload();
}

async function changePerson(session: Session): Promise<void> {
  forgetResponses();
  // Nothing of the person before may stay on the page.
  queryClient.removeQueries({ predicate: ({ queryKey }) => queryKey[0] !== PATH });
  queryClient.setQueryData([PATH], session);
  noteSignedIn();
}
