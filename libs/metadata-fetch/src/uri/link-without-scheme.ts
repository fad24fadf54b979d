const LINK_WITHOUT_SCHEME = /^(?:www\.(?:[a-z0-9-]+\.)+[a-z]{2,}(?=$|[/?#])|(?:[a-z0-9-]+\.)+[a-z]{2,}\/)/i;

/** `www.app.example`, `app.example/1`: a host that a text shows by `www.` or a path. */
export function isLinkWithoutScheme(text: string): boolean {
  return LINK_WITHOUT_SCHEME.test(text);
}
