import { keepPreviousData, QueryClient, useQuery, useQueryClient, type UseQueryResult } from '@tanstack/preact-query';
import { useCallback, useEffect, useState } from 'preact/hooks';
import type { ApiError } from './api.js';
import { connection, read } from './api.js';
import { announce } from './announcements.js';
import { Store, useStore } from './store.js';

/** How often a page asks. Lists and hosts change more slowly than one running refresh. */
export const RUNNING_MS = 2000;
export const LIST_MS = 5000;
export const SLOW_MS = 15_000;
const MAX_INTERVAL_MS = 30_000;

/** Switched off by the person: the page stays as it is. */
export const isPaused = new Store(false);

/** Failed reads in a row, by path: the page asks less often meanwhile. */
const failures = new Map<string, number>();

export const queryClient = new QueryClient({
  defaultOptions: {
    queries: {
      // Polling retries.
      retry: false,
      networkMode: 'always',
      refetchOnWindowFocus: 'always',
      staleTime: 1000,
      gcTime: 60_000,
    },
  },
});

export type Read<Body> = UseQueryResult<Body, ApiError>;

/**
 * Reads `path` of the API, and again every `intervalMs` while the page is visible. null: not yet. `maxAge`: how many seconds before
 * another page may have read it.
 */
export function useRead<Body>(path: string | null, intervalMs: number | null = LIST_MS, maxAge?: number): Read<Body> {
  const paused = useStore(isPaused);
  return useQuery<Body, ApiError>({
    queryKey: [path],
    queryFn: ({ signal }) => counted(path!, () => read<Body>(path!, signal, maxAge)),
    enabled: path !== null,
    // The rows of the last filter stay until those of the next one are there.
    placeholderData: keepPreviousData,
    refetchInterval: (query) => {
      if (paused || intervalMs === null) return false;
      const { error } = query.state;
      if (error && !error.isTemporary) return false;
      return Math.min(intervalMs * 2 ** (failures.get(path ?? '') ?? 0), MAX_INTERVAL_MS);
    },
  });
}

/** As `useRead`, of what changes until something has ended: then it is read once more, not as it was before, and from then on rarely. */
export function useReadUntilEnd<Body>(
  path: string,
  isEnded: boolean,
  { runningMs, endedMs }: { runningMs: number; endedMs: number },
): Read<Body> {
  const read = useRead<Body>(path, isEnded ? endedMs : runningMs, isEnded ? 0 : undefined);
  const { refetch } = read;
  useEffect(() => {
    if (isEnded) void refetch();
  }, [isEnded, refetch]);
  return read;
}

async function counted<Body>(path: string, work: () => Promise<Body>): Promise<Body> {
  try {
    const body = await work();
    failures.delete(path);
    return body;
  } catch (error) {
    failures.set(path, Math.min((failures.get(path) ?? 0) + 1, 5));
    throw error;
  }
}

/** What an action has led to: a sentence on the page until the next one, also spoken. */
export interface Notice {
  tone: 'ok' | 'bad';
  text: string;
  link?: { href: string; text: string };
}

export const notice = new Store<Notice | null>(null);

function say(next: Notice): void {
  notice.set(next);
  announce(next.text);
}

/** Runs an action of a button: one at a time, and afterwards everything is read again. */
export function useAction(): { isBusy: boolean; run: (work: () => Promise<Notice>) => Promise<boolean> } {
  const client = useQueryClient();
  const [isBusy, setBusy] = useState(false);
  const run = useCallback(
    async (work: () => Promise<Notice>) => {
      setBusy(true);
      try {
        say(await work());
        return true;
      } catch (error) {
        say({ tone: 'bad', text: sentenceOf(error) });
        return false;
      } finally {
        setBusy(false);
        if (!connection.value.isSignedOut) await client.invalidateQueries();
      }
    },
    [client],
  );
  return { isBusy, run };
}

function sentenceOf(error: unknown): string {
  const { message, requestId } = error as ApiError;
  return requestId ? `${message} (request ${requestId})` : message;
}
