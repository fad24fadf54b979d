import { ModuleOptions } from '@app/module-options';
import { z } from 'zod';
import { LARGEST_LIMIT } from './project-limits.js';

const projectAuthOptionsSchema = z.strictObject({
  /** How far a signed timestamp may be from the time here, in seconds, either way. The window is the scheme's only defence. */
  signatureWindowSeconds: z.int().min(1).max(86_400).default(300),
  /**
   * Whether a signature, that is an address and a timestamp, is good for one request only. Off, because published clients
   * send the same signature with every request of a second; whoever turns it on has clients that wait for the next.
   */
  oneTimeSignatures: z.boolean().default(false),
  /** How often a project may ask, for a project without a limit of its own. The public guide: 5 a second. 0: none may. */
  requestsPerSecond: z.int().min(0).max(LARGEST_LIMIT).default(5),
});

/** What a host writes. */
export type ProjectAuthOptions = z.input<typeof projectAuthOptionsSchema>;
/** What we inject: every field present. */
export type ProjectAuthConfig = z.output<typeof projectAuthOptionsSchema>;
export const PROJECT_AUTH_CONFIG = Symbol('ProjectAuthConfig');

export const projectAuthOptions = new ModuleOptions('ProjectAuthModule', projectAuthOptionsSchema);
