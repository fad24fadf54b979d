/**
 * What an operator's URL says about who asks: user info, sent as basic authorization, and headers after a `#`, as in
 * `https://gateway.example/#x-gateway-token=secret`. Throws TypeError on headers that are written in another way; the
 * message repeats nothing of the URL, which may be a secret.
 */
export function credentialHeaders(url: URL): Record<string, string> {
  return { ...basicAuthorization(url), ...fragmentHeaders(url.hash.slice(1)) };
}

/** As a header, since a request URL with user info is refused by the guarded client. */
function basicAuthorization({ username, password }: URL): Record<string, string> {
  if (!username && !password) return {};
  const credentials = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`;
  return { authorization: `Basic ${Buffer.from(credentials).toString('base64')}` };
}

function fragmentHeaders(fragment: string): Record<string, string> {
  const headers: Record<string, string> = {};
  for (const pair of fragment.split('&').filter((part) => part !== '')) {
    const [, name, value] = /^([\w!#$%&'*+.^`|~-]+)=(.+)$/s.exec(pair) ?? [];
    if (!name || !value) throw new TypeError('The headers of a URL are written #name=value&name=value');
    headers[name.toLowerCase()] = decodeURIComponent(value);
  }
  return headers;
}
