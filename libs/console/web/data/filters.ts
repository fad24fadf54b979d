import { useLocation, useParams, useSearch } from 'wouter-preact';
import { withQuery } from './api.js';

type Change<Name extends string> = Partial<Record<Name | 'cursor', string | null>>;

export interface Filters<Name extends string> {
  /** null: the filter is not set. */
  values: Record<Name, string | null>;
  cursor: string | null;
  /** The same page with other filters; the cursor was of the old ones, so it goes. */
  linkWith: (change: Change<Name>) => string;
  set: (change: Change<Name>) => void;
}

/** The filters of a page: all of them are in the URL, and nowhere else. */
export function useFilters<Name extends string>(...names: readonly Name[]): Filters<Name> {
  const [path, navigate] = useLocation();
  // Only to be told of changes: it decodes twice.
  useSearch();
  const query = new URLSearchParams(window.location.search);
  const values = Object.fromEntries(names.map((name) => [name, query.get(name) || null])) as Record<
    Name,
    string | null
  >;
  const linkWith = (change: Change<Name>) => withQuery(encodeURI(path), { ...values, ...change });
  return { values, cursor: query.get('cursor'), linkWith, set: (change) => navigate(linkWith(change)) };
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
