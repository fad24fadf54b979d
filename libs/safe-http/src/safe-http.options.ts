import { Resolver } from 'node:dns';
import type { LookupFunction } from 'node:net';
import { ModuleOptions } from '@app/module-options';
import { z } from 'zod';
import { MAX_BODY_BYTES } from './safe-http.limits.js';

const hostAndPort = z
  .string()
  .regex(/^(\[[0-9a-f:.]+\]|[a-z0-9.-]+):([1-9][0-9]{0,4})$/i, { error: 'must be host:port, such as "localhost:4000"' })
  .transform((text) => text.toLowerCase());

const safeHttpOptionsSchema = z.strictObject({
  /**
   * Timeout of one exchange: name resolution, connect, redirects, headers and body, in milliseconds.
   * @takesEffect each outgoing request
   */
  deadlineMs: z.int().min(1).default(3000),
  /**
   * The largest body, in bytes after decompression.
   * @takesEffect each outgoing request
   */
  maxBytes: z.int().min(1).max(MAX_BODY_BYTES).default(MAX_BODY_BYTES),
  /**
   * How long a body of more than 256 KiB waits for a buffer, in milliseconds. After that the request fails with `busy` and
   * the token is retried. The default covers two bodies that take all of `deadlineMs`. Together with `deadlineMs` and the 10
   * seconds that a claimed token may wait, it must stay below the lease of 30 seconds.
   * @takesEffect each outgoing request
   */
  largeBodyQueueTimeoutMs: z.int().min(0).max(15_000).default(8000),
  /**
   * How many bytes of the body of an error response are kept.
   * @takesEffect each outgoing request
   */
  errorBodyBytes: z
    .int()
    .min(0)
    .max(64 * 1024)
    .default(4096),
  /**
   * The maximum number of redirects that one request follows. The SSRF filter checks each hop.
   * @takesEffect each outgoing request
   */
  maxRedirects: z.int().min(0).max(10).default(3),
  /**
   * Exactly these `host:port` pairs are exempt from the SSRF filter: local metadata hosts and gateways.
   * @takesEffect each outgoing request
   */
  allowedHosts: z.array(hostAndPort).default([]),
  /**
   * Ports that public hosts may use besides 80 and 443.
   * @takesEffect each outgoing request
   */
  extraPorts: z.array(z.int().min(1).max(65_535)).default([]),
  /**
   * DNS servers for the names of hosts that are not exempt: `IP` or `IP:port` (`[IP]:port` for IPv6). Default: the
   * system's. Exempt hosts are resolved as the system resolves names, with its hosts file.
   * @takesEffect each outgoing request
   */
  nameServers: z
    .array(z.string().refine(isNameServer, { error: 'must be IP or IP:port' }))
    .min(1)
    .optional(),
  /**
   * Replaces name resolution, with the signature of `dns.lookup`. The SSRF filter checks the addresses it returns.
   * @takesEffect each outgoing request
   */
  lookup: z.custom<LookupFunction>((value) => typeof value === 'function', 'must be a function').optional(),
  /**
   * The maximum number of open connections to one host.
   * @takesEffect each outgoing request
   */
  maxConnectionsPerHost: z.int().min(1).default(256),
  /**
   * The `User-Agent` of every request, so that a studio can allow-list it.
   * @takesEffect each outgoing request
   */
  userAgent: z.string().min(1).default('nestjs-nft-refresh/0.1'),
});

function isNameServer(text: string): boolean {
  try {
    new Resolver().setServers([text]);
    return true;
  } catch {
    return false;
  }
}

/** What you pass to forRoot; every field is optional. */
export type SafeHttpOptions = z.input<typeof safeHttpOptionsSchema>;
/** The complete options, as injected. */
export type SafeHttpConfig = z.output<typeof safeHttpOptionsSchema>;
/** The injection token of SafeHttpConfig. */
export const SAFE_HTTP_CONFIG = Symbol('SafeHttpConfig');

/** Names, limits and defaults of the options. */
export const safeHttpOptions = new ModuleOptions('SafeHttpModule', safeHttpOptionsSchema);
