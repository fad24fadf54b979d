import type { ComponentChildren } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { Link } from 'wouter-preact';
import type { Read } from '../data/queries.js';
import { formatCount, plural } from '../text/numbers.js';
import { useTitle } from './head.js';
import { Icon, type IconName } from './icon.js';

/** Grey rows, but only if it takes a moment: what is there at once should not flicker. */
export function Loading({ rows = 6, isPage = false }: { rows?: number; isPage?: boolean }) {
  const [isLate, setLate] = useState(false);
  useEffect(() => {
    const timer = setTimeout(() => setLate(true), 300);
    return () => clearTimeout(timer);
  }, []);
  return (
    <div class={isLate ? 'grey late' : 'grey'} role="status" aria-label="Loading">
      {isPage && <h1 class="sr">Loading</h1>}
      {Array.from({ length: rows }, (_, index) => (
        <i key={index} />
      ))}
    </div>
  );
}

/** One sentence, and the next step. */
export function Empty({
  icon = 'check',
  title,
  children,
}: {
  icon?: IconName;
  title: string;
  children?: ComponentChildren;
}) {
  return (
    <div class="state">
      <Icon name={icon} />
      <h2>{title}</h2>
      {children}
    </div>
  );
}

/** The filters leave nothing; without them there may be something. */
export function FilteredToNothing({
  what,
  clear,
  children,
}: {
  what: string;
  clear: string;
  children?: ComponentChildren;
}) {
  return (
    <Empty icon="search" title={`No ${what} with these filters`}>
      {children}
      <Link class="btn small" href={clear}>
        Clear filters
      </Link>
    </Empty>
  );
}

const NOT_FOUND = [{ text: 'Not found' }];

/** Not yours or not there: one page, the same words. */
export function NotFound({ what = 'page' }: { what?: string }) {
  useTitle('Not found', NOT_FOUND);
  return (
    <div class="card">
      <div class="state">
        <Icon name="search" />
        <h1>There is no such {what}</h1>
        <p>
          It may have been removed after its retention, or belong to somebody else. Search for it above, or start from
          the overview.
        </p>
        <Link class="btn small" href="/">
          Overview
        </Link>
      </div>
    </div>
  );
}

/** `isPage`: there is nothing else, so its sentence is the heading of the page. */
function Failed({ read, isPage = false }: { read: Read<unknown>; isPage?: boolean }) {
  const { message, requestId, status } = read.error!;
  const Heading = isPage ? 'h1' : 'h2';
  return (
    <div class="state" role="alert">
      <Icon name="warn" />
      <Heading>{message}</Heading>
      {requestId && (
        <p class="small">
          Request <span class="mono">{requestId}</span>
          {status === 500 && ': the log of the service has the error, with this id.'}
        </p>
      )}
      <button type="button" class="btn small" aria-busy={read.isFetching} onClick={() => void read.refetch()}>
        Retry
      </button>
    </div>
  );
}

function FailedPage({ read, what }: { read: Read<unknown>; what: string }) {
  const name = `${what.charAt(0).toUpperCase()}${what.slice(1)}`;
  useTitle(name, [{ text: name }]);
  return <Failed read={read} isPage />;
}

/** A part of a page, as soon as its data is there. What was loaded stays, whatever happens later. */
export function Loaded<Body>({
  read,
  rows,
  isPage = false,
  isBare = false,
  children,
}: {
  read: Read<Body>;
  rows?: number;
  /** Nothing else is on the page. */
  isPage?: boolean;
  /** In no card: what is said meanwhile has one of its own. */
  isBare?: boolean;
  children: (body: Body) => ComponentChildren;
}) {
  if (read.data === undefined) {
    const state = read.error ? (
      <Failed read={read} isPage={isPage} />
    ) : (
      <Loading isPage={isPage} {...(rows !== undefined && { rows })} />
    );
    return isBare ? <div class="card">{state}</div> : state;
  }
  return <div class={read.isPlaceholderData ? 'fog' : undefined}>{children(read.data)}</div>;
}

/** A whole page, which may not be there, or not for this person. */
export function LoadedPage<Body>({
  read,
  what,
  children,
}: {
  read: Read<Body>;
  what: string;
  children: (body: Body) => ComponentChildren;
}) {
  if (read.error?.status === 404 || read.error?.status === 400) return <NotFound what={what} />;
  if (read.data === undefined || read.isPlaceholderData) {
    return <div class="card">{read.error ? <FailedPage read={read} what={what} /> : <Loading isPage />}</div>;
  }
  return <>{children(read.data)}</>;
}

export function BoundedCount({ count: { count, isMore } }: { count: { count: number; isMore: boolean } }) {
  return <>{formatBounded({ count, isMore })}</>;
}

export function formatBounded({ count, isMore }: { count: number; isMore: boolean }, one?: string): string {
  // More than what was counted, which is a limit of the reader: not exact.
  const known = isMore && count > 1000 ? Math.floor(count / 1000) * 1000 : count;
  const text = one === undefined ? formatCount(known) : plural(known, one);
  return isMore ? text.replace(/^[\d,]+/, '$&+') : text;
}
