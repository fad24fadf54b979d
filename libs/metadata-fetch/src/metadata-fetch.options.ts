import { ModuleOptions } from '@app/module-options';
import { credentialHeaders } from '@app/safe-http';
import { z } from 'zod';

/** May contain a secret, so the error message does not repeat it. */
const rpcUrl = z.string().refine(isEndpoint, { error: 'must be an http or https URL' });
const rpcUrls = z
  .union([rpcUrl, z.array(rpcUrl).min(1).max(8)], {
    error: 'must be an http or https URL, or a list of up to 8 of them',
  })
  .transform((urls) => (typeof urls === 'string' ? [urls] : urls));

const metadataFetchOptionsSchema = z.strictObject({
  /**
   * URLs of IPFS gateways, requested in this order, with or without `/ipfs` at the end. Credentials may be user info (sent as
   * basic authorization), a query, or headers after a `#`: `https://gateway.example/#x-gateway-token=secret`. Default: public
   * gateways.
   * @takesEffect each fetch
   */
  ipfsGateways: z.array(z.string()).optional(),
  /**
   * The same for `ar://`. Default: `https://arweave.net`.
   * @takesEffect each fetch
   */
  arweaveGateways: z.array(z.string()).optional(),
  /**
   * The JSON-RPC nodes of each chain, by chain id: `{ 1: 'https://rpc.example/KEY' }`, or a list of up to 8 URLs in the order of
   * preference. When a node fails, the next one is called. A node has to accept batches of 100 calls. User info is sent as basic
   * authorization, `#name=value` as a header. For a node in a private network, add its `host:port` to `allowedHosts` of
   * SafeHttpModule.
   * @takesEffect each fetch
   */
  rpcUrls: z
    .record(z.string().regex(/^[1-9][0-9]{0,14}$/, { error: 'must be a chain id, such as 1' }), rpcUrls)
    .default({}),
  /**
   * Timeout of all calls for one token URI, including the wait for other tokens, in milliseconds. The nodes of a chain share it: of two
   * nodes, the first one gets half.
   * @takesEffect each fetch
   */
  rpcDeadlineMs: z.int().min(1).max(15_000).default(10_000),
  /**
   * Whether the configured gateways are requested first if a URL names a well-known public one, which would throttle this service.
   * @takesEffect each fetch
   */
  replacePublicGateways: z.boolean().default(true),
});

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

/** What you pass to forRoot; every field is optional. */
export type MetadataFetchOptions = z.input<typeof metadataFetchOptionsSchema>;
/** The complete options, as injected. */
export type MetadataFetchConfig = z.output<typeof metadataFetchOptionsSchema>;
export const METADATA_FETCH_CONFIG = Symbol('MetadataFetchConfig');

/** Names, limits and defaults of the options. */
export const metadataFetchOptions = new ModuleOptions('MetadataFetchModule', metadataFetchOptionsSchema);
