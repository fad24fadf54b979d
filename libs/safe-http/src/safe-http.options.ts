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
  /** Timeout of one whole exchange: name, connect, redirects, headers and body, in milliseconds. The guide's 3 seconds. */
  deadlineMs: z.int().min(1).default(3000),
  /** The largest body, in bytes after decompression. */
  maxBytes: z.int().min(1).max(MAX_BODY_BYTES).default(MAX_BODY_BYTES),
  /**
   * How long a body of more than 256 KiB waits for a buffer, in milliseconds. After that the request fails with `busy` and
   * the token is retried. Long enough for two bodies that take all of `deadlineMs`. Together with `deadlineMs` and the 10
   * seconds that a claimed token may wait, it has to stay below the lease of 30.
   */
  largeBodyQueueTimeoutMs: z.int().min(0).max(15_000).default(8000),
  /** How much of an error's body is kept, in bytes. */
  errorBodyBytes: z
    .int()
    .min(0)
    .max(64 * 1024)
    .default(4096),
  /** Redirects that one request follows. Each hop is checked. */
  maxRedirects: z.int().min(0).max(10).default(3),
  /** Exactly these `host:port` pairs are exempt from the SSRF filter: local metadata hosts and gateways. */
  allowedHosts: z.array(hostAndPort).default([]),
  /** Ports that public hosts may use besides 80 and 443. */
  extraPorts: z.array(z.int().min(1).max(65_535)).default([]),
  /**
   * DNS servers for the names of hosts that are not exempt: `IP` or `IP:port` (`[IP]:port` for IPv6). Default: the
   * system's. Exempt hosts are resolved as the system resolves names, with its hosts file.
   */
  nameServers: z
    .array(z.string().refine(isNameServer, { error: 'must be IP or IP:port' }))
    .min(1)
    .optional(),
  /** Resolves all names instead, as `dns.lookup` does: a host's own resolver or cache. Its addresses are checked. */
  lookup: z.custom<LookupFunction>((value) => typeof value === 'function', 'must be a function').optional(),
  /** Open connections to one host. */
  maxConnectionsPerHost: z.int().min(1).default(256),
  /** The `User-Agent` of every request, so that a studio can allow-list it. */
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

/** What a host writes. */
export type SafeHttpOptions = z.input<typeof safeHttpOptionsSchema>;
/** What we inject: every field present. */
export type SafeHttpConfig = z.output<typeof safeHttpOptionsSchema>;
export const SAFE_HTTP_CONFIG = Symbol('SafeHttpConfig');

export const safeHttpOptions = new ModuleOptions('SafeHttpModule', safeHttpOptionsSchema);
