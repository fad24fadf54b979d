import { Resolver } from 'node:dns';
import type { LookupFunction } from 'node:net';
import { readOptions } from '@app/module-options';
import { z } from 'zod';
import { credentialHeaders } from './endpoint-credentials.js';
import { LARGEST_DOCUMENT } from './fetch-limits.js';

const hostAndPort = z
  .string()
  .regex(/^(\[[0-9a-f:.]+\]|[a-z0-9.-]+):([1-9][0-9]{0,4})$/i, { error: 'must be host:port, such as "localhost:4000"' })
  .transform((text) => text.toLowerCase());

/** May hold a secret: what is said of a wrong one does not repeat it. */
const rpcUrl = z.string().refine(isEndpoint, { error: 'must be an http or https URL' });

const metadataFetchOptionsSchema = z.strictObject({
  /** For one whole exchange: name, connect, redirects, headers and body, in milliseconds. The guide's 3 seconds. */
  deadlineMs: z.int().min(1).default(3000),
  /** The largest body, in bytes after decompression. */
  maxBytes: z.int().min(1).max(LARGEST_DOCUMENT).default(LARGEST_DOCUMENT),
  /**
   * How long a document of more than 256 KiB waits until others have been read, in milliseconds: then it is `busy`, and
   * tried again. Long enough for two that take all of `deadlineMs`; with that and the 10 seconds that a claimed token may
   * have waited for its turn it has to stay below the lease of 30.
   */
  largeBodyWaitMs: z.int().min(0).max(15_000).default(8000),
  /** How much of an error's body is kept, in bytes. */
  errorBodyBytes: z
    .int()
    .min(0)
    .max(64 * 1024)
    .default(4096),
  maxRedirects: z.int().min(0).max(10).default(3),
  /** Exactly these `host:port` pairs are exempt from the address and port filter: local metadata hosts and gateways. */
  allowedHosts: z.array(hostAndPort).default([]),
  /** Ports that public hosts may use besides 80 and 443. */
  extraPorts: z.array(z.int().min(1).max(65_535)).default([]),
  /**
   * Who is asked for the names of hosts that are not exempt: `IP` or `IP:port` (`[IP]:port` for IPv6). Default: the
   * system's name servers. Exempt hosts are resolved as the system resolves names, with its hosts file.
   */
  nameServers: z
    .array(z.string().refine(isNameServer, { error: 'must be IP or IP:port' }))
    .min(1)
    .optional(),
  /** Resolves all names instead, as `dns.lookup` does: a host's own resolver or cache. Whatever it answers is checked. */
  lookup: z.custom<LookupFunction>((value) => typeof value === 'function', 'must be a function').optional(),
  /** Connections to one host at once. */
  maxSocketsPerHost: z.int().min(1).default(256),
  /** Says who asks, so that a studio can allow-list it. */
  userAgent: z.string().min(1).default('nestjs-nft-refresh/0.1'),
  ipfsGateways: z.array(z.string()).optional(),
  arweaveGateways: z.array(z.string()).optional(),
  /**
   * The node of each chain whose contracts are asked for token URIs, by chain id: `{ 1: 'https://rpc.example/KEY' }`. It
   * has to take batches of 100 calls. User info is sent as basic authorization, `#name=value` as headers. In a private
   * network its `host:port` has to be in `allowedHosts` as well.
   */
  rpcUrls: z
    .record(z.string().regex(/^[1-9][0-9]{0,14}$/, { error: 'must be a chain id, such as 1' }), rpcUrl)
    .default({}),
  /** For everything that a token's contract is asked, waiting for other tokens included, in milliseconds. */
  rpcDeadlineMs: z.int().min(1).max(15_000).default(10_000),
  /** Ask our gateways first when a URL names a well-known public one, which would throttle us. */
  replacePublicGateways: z.boolean().default(true),
});

function isNameServer(text: string): boolean {
  try {
    new Resolver().setServers([text]);
    return true;
  } catch {
    return false;
  }
}

function isEndpoint(text: string): boolean {
  const url = URL.parse(text);
  if (!url || !/^https?:$/.test(url.protocol)) return false;
  try {
    credentialHeaders(url);
    return true;
  } catch {
    return false;
  }
}

/** What a host writes. */
export type MetadataFetchOptions = z.input<typeof metadataFetchOptionsSchema>;
/** What we inject: every field present. */
export type MetadataFetchConfig = z.output<typeof metadataFetchOptionsSchema>;
export const METADATA_FETCH_CONFIG = Symbol('MetadataFetchConfig');

export const METADATA_FETCH_OPTION_NAMES: readonly string[] = Object.keys(metadataFetchOptionsSchema.shape);

/** Throws an Error that names each wrong option. */
export function completeConfig(options: MetadataFetchOptions): MetadataFetchConfig {
  return readOptions('MetadataFetchModule', metadataFetchOptionsSchema, options);
}
