const MAX_LENGTH = 2048;
const REDACTED = 'REDACTED';

/**
 * A URL for the attribute `url.full`: without user info and fragment, and with the names but not the values of the query, which may be
 * signatures or keys. Of a `data:` URL only the scheme; undefined if it is no URL.
 */
export function redactedUrl(url: string): string | undefined {
  if (url.startsWith('data:')) return 'data:';
  if (!URL.canParse(url)) return undefined;
  const { protocol, host, pathname, searchParams } = new URL(url);
  const names = [...searchParams.keys()].map((name) => `${encodeURIComponent(name)}=${REDACTED}`);
  const query = names.length > 0 ? `?${names.join('&')}` : '';
  return `${protocol}//${host}${pathname}${query}`.slice(0, MAX_LENGTH);
}
