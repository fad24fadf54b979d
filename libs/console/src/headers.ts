/** Nothing inline, nothing of other origins, no frame around it, and no text that becomes markup. */
const CONTENT_SECURITY_POLICY = [
  `default-src 'none'`,
  `script-src 'self'`,
  `style-src 'self'`,
  `img-src 'self'`,
  `connect-src 'self'`,
  `base-uri 'self'`,
  `form-action 'none'`,
  `frame-ancestors 'none'`,
  `require-trusted-types-for 'script'`,
  `trusted-types 'none'`,
].join('; ');

/** On every response of the console, in place of what the host application has set. */
const SECURITY_HEADERS: Readonly<Record<string, string>> = {
  'content-security-policy': CONTENT_SECURITY_POLICY,
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'permissions-policy': 'camera=(), microphone=(), geolocation=()',
  'x-robots-tag': 'noindex',
};

const CACHE_CONTROL = {
  /** Data. */
  api: 'no-store',
  /** Files whose name stays when their content changes. */
  shell: 'no-cache',
  /** Files with a hash in their name. */
  asset: 'public, max-age=31536000, immutable',
};

/** Of what a stranger has made. Opened by itself, an SVG has no origin, runs nothing and loads nothing. */
export const FOREIGN_CONTENT_SECURITY_POLICY = `default-src 'none'; style-src 'unsafe-inline'; sandbox`;

export function consoleHeaders(kind: keyof typeof CACHE_CONTROL): Record<string, string> {
  return { ...SECURITY_HEADERS, 'cache-control': CACHE_CONTROL[kind] };
}
