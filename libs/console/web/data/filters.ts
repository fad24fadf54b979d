import { useLocation, useParams, useSearch } from 'wouter-preact';
import { withQuery } from './api.js';

type Values<Name extends string> = Record<Name, string | null>;
type Change<Name extends string> = Partial<Values<Name | 'cursor'>>;

export interface Filters<Name extends string> {
  /** null: the filter is not set. */
  values: Values<Name>;
  cursor: string | null;
  /** The same page with other filters; the cursor was of the old ones, so it goes. */
  linkWith: (change: Change<Name>) => string;
  /** A function gets the filters as they are in the URL now, which can be newer than the page that is shown. */
  set: (change: Change<Name> | ((values: Values<Name>) => Change<Name>)) => void;
}

/** The filters of a page: all of them are in the URL, and nowhere else. */
export function useFilters<Name extends string>(...names: readonly Name[]): Filters<Name> {
  const [path, navigate] = useLocation();
  // Only to be told of changes: it decodes twice.
  useSearch();
  const { values, cursor } = read(names);
  const linkWith = (change: Change<Name>, from = values) => withQuery(encodeURI(path), { ...from, ...change });
  return {
    values,
    cursor,
    linkWith: (change) => linkWith(change),
    set: (change) => {
      const now = read(names).values;
      navigate(linkWith(typeof change === 'function' ? change(now) : change, now));
    },
  };
}

function read<Name extends string>(names: readonly Name[]): { values: Values<Name>; cursor: string | null } {
  const query = new URLSearchParams(window.location.search);
  const values = Object.fromEntries(names.map((name) => [name, query.get(name) || null])) as Values<Name>;
  return { values, cursor: query.get('cursor') };
}

/** A part of the path. The router has decoded it, except for characters that separate parts. */
export function useParam(name: string): string {
  const text = useParams<Record<string, string | undefined>>()[name] ?? '';
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
