/**
 * The credentials in an operator's URL, as headers: user info becomes basic authorization, and a fragment holds headers, as in
 * `https://gateway.example/#x-gateway-token=secret`. Throws TypeError if the fragment has another form. The message does
 * not repeat the URL, which may contain a secret.
 */
export function credentialHeaders(url: URL): Record<string, string> {
  return { ...basicAuthorization(url), ...fragmentHeaders(url.hash.slice(1)) };
}

/** A header, since SsrfSafeHttp rejects URLs with user info. */
function basicAuthorization({ username, password }: URL): Record<string, string> {
  if (!username && !password) return {};
  const credentials = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`;
  return { authorization: `Basic ${Buffer.from(credentials).toString('base64')}` };
}

function fragmentHeaders(fragment: string): Record<string, string> {
  const headers: Record<string, string> = {};
  for (const pair of fragment.split('&').filter((part) => part !== '')) {
    const [, name, value] = /^([\w!#$%&'*+.^`|~-]+)=(.+)$/s.exec(pair) ?? [];
    if (!name || !value) throw new TypeError('Write the headers in a URL as #name=value&name=value');
    headers[name.toLowerCase()] = decodeURIComponent(value);
  }
  return headers;
}
