import { isWellFormedApiKey } from './api-key.js';
import type { ProjectLimits } from './project-limits.js';

/**
 * A project that may request refreshes, as the guards see it. An absent or null limit is the deployment's default; 0 blocks
 * every request.
 */
export interface CallingProject extends Partial<ProjectLimits> {
  id: string;
  name: string;
  /** Lower case. */
  ownerAddress: string;
}

/** The port through which the guards find projects. A host application with its own users and keys provides its own. */
export abstract class ProjectDirectory {
  abstract findById(projectId: string): Promise<CallingProject | null>;
  /** The project of an owner address, in any case. */
  abstract findByOwner(address: string): Promise<CallingProject | null>;
  /** The project of an API key that is not revoked. Called only for a text that `isApiKey` accepts. */
  abstract findByApiKey(key: string): Promise<CallingProject | null>;

  /**
   * Whether a text has the form of an API key. A key of another form costs no look-up, and next to a signature it is
   * ignored, because it belongs to another service. The default accepts the form of the keys that `Projects` creates;
   * override it if your keys have another form.
   */
  isApiKey(text: string): boolean {
    return isWellFormedApiKey(text);
  }
}
