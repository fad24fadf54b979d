import { ModuleOptions } from '@app/module-options';
import { z } from 'zod';
import { MAX_LIMIT } from './project-limits.js';

const projectAuthOptionsSchema = z.strictObject({
  /**
   * How far a signed timestamp may be from the time of the service, in seconds, in either direction. A signature is valid
   * for this long.
   * @takesEffect each request
   */
  signatureWindowSeconds: z.int().min(1).max(86_400).default(300),
  /**
   * Whether a signature, that is an address and a timestamp, authenticates one request only. Off by default, because
   * published clients send the same signature with every request of a second. Our own routes that change something
   * (collections, tokens, webhooks) need an unused signature in either case.
   * @takesEffect each request
   */
  oneTimeSignatures: z.boolean().default(false),
  /**
   * The id of the chain whose contracts may own projects. A contract at an owner address signs as ERC-1271 defines it. There is only one
   * such chain, because the same address can belong to somebody else on another one. Needs a node of the chain in `rpcUrls`, which is
   * trusted. Default: none; only wallets with a key can sign.
   * @takesEffect each request
   */
  contractWalletChainId: z.int().min(1).optional(),
  /**
   * The maximum number of requests per second for a project without a limit of its own. The public guide promises 5. 0 blocks every
   * request.
   * @takesEffect each request
   */
  requestsPerSecond: z.int().min(0).max(MAX_LIMIT).default(5),
});

/** The options as a host application writes them. */
export type ProjectAuthOptions = z.input<typeof projectAuthOptionsSchema>;
/** The complete options, as injected. */
export type ProjectAuthConfig = z.output<typeof projectAuthOptionsSchema>;
export const PROJECT_AUTH_CONFIG = Symbol('ProjectAuthConfig');

/** Names, limits and defaults of the options. */
export const projectAuthOptions = new ModuleOptions('ProjectAuthModule', projectAuthOptionsSchema);
