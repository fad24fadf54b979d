import type { Mutation } from '../mutation.js';

/** Without the SSRF filter, a test would send requests to any address it names: these tests use only addresses of this machine. */
export const SSRF_FILTER: readonly Mutation[] = [
  {
    promise: 'Nothing is dialled outside of public addresses: names',
    file: 'libs/safe-http/src/ssrf-filter.ts',
    breaks: 'One public address of a name is enough',
    find: 'if (!addresses.every(({ address }) => isPublicAddress(address))) {',
    replace: 'if (!addresses.some(({ address }) => isPublicAddress(address))) {',
    suite: 'libs/safe-http/src/ssrf-filter.spec.ts',
    title: 'a name is not connected to',
  },
  {
    promise: 'Nothing is dialled outside of public addresses: the address that was checked is the one that is dialled',
    file: 'libs/safe-http/src/ssrf-safe-http.ts',
    breaks: 'Names are resolved without the filter',
    find: 'lookup: publicLookup(config.lookup ?? resolver.lookup)',
    replace: 'lookup: (void publicLookup, config.lookup ?? resolver.lookup)',
    suite: 'test/ssrf-filter.e2e-spec.ts',
    title: 'nothing of this machine is dialled when a name moves to loopback after it was public',
  },
  {
    promise: 'Nothing is dialled outside of public addresses: addresses in URLs',
    file: 'libs/safe-http/src/url-rules.ts',
    breaks: 'Addresses in URLs are not checked',
    find: 'return isIP(literal) ? !isPublicAddress(literal) : PRIVATE_NAME.test(hostname);',
    replace: 'return isIP(literal) ? !literal : PRIVATE_NAME.test(hostname);',
    suite: 'libs/safe-http/src/url-rules.spec.ts',
    title: 'an address that is not public is blocked in every spelling',
  },
  {
    promise:
      'Nothing is dialled outside of public addresses: a connection to an exempt host is not used for another URL',
    file: 'libs/safe-http/src/ssrf-safe-http.ts',
    breaks: 'All URLs share the connections',
    find: 'return isExempt ? this.connections.exempt : this.connections.public;',
    replace: 'return isExempt ? this.connections.exempt : this.connections.exempt;',
    suite: 'test/ssrf-filter.e2e-spec.ts',
    title: 'nothing of this machine is dialled through a connection to an exempt host of the same name',
  },
  {
    promise: 'Nothing is dialled outside of public addresses: redirects',
    file: 'libs/safe-http/src/ssrf-safe-http.ts',
    breaks: 'Only the first URL is checked',
    find: `for (let hops = 0; ; hops += 1) {
      const checked = this.check(url);`,
    replace: `for (let hops = 0; ; hops += 1) {
      const checked: CheckedUrl = hops > 0 ? { kind: 'url', url: new URL(url), isExempt: true } : this.check(url);`,
    suite: 'test/ssrf-filter.e2e-spec.ts',
    title: 'nothing of this machine is dialled after two good redirects',
  },
];
