import { ModuleOptions } from '@app/module-options';
import { credentialHeaders } from '@app/safe-http';
import { z } from 'zod';

/** May hold a secret: what is said of a wrong one does not repeat it. */
const rpcUrl = z.string().refine(isEndpoint, { error: 'must be an http or https URL' });

const metadataFetchOptionsSchema = z.strictObject({
  ipfsGateways: z.array(z.string()).optional(),
  arweaveGateways: z.array(z.string()).optional(),
  /**
   * The node of each chain whose contracts are asked for token URIs, by chain id: `{ 1: 'https://rpc.example/KEY' }`. It
   * has to take batches of 100 calls. User info is sent as basic authorization, `#name=value` as headers. In a private
   * network its `host:port` has to be in `allowedHosts` of SafeHttpModule as well.
   */
  rpcUrls: z
    .record(z.string().regex(/^[1-9][0-9]{0,14}$/, { error: 'must be a chain id, such as 1' }), rpcUrl)
    .default({}),
  /** For everything that a token's contract is asked, waiting for other tokens included, in milliseconds. */
  rpcDeadlineMs: z.int().min(1).max(15_000).default(10_000),
  /** Ask our gateways first when a URL names a well-known public one, which would throttle us. */
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

/** What a host writes. */
export type MetadataFetchOptions = z.input<typeof metadataFetchOptionsSchema>;
/** What we inject: every field present. */
export type MetadataFetchConfig = z.output<typeof metadataFetchOptionsSchema>;
export const METADATA_FETCH_CONFIG = Symbol('MetadataFetchConfig');

export const metadataFetchOptions = new ModuleOptions('MetadataFetchModule', metadataFetchOptionsSchema);
