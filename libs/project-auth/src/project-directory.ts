import { isWellFormedApiKey } from './api-key.js';
import type { ProjectLimits } from './project-limits.js';

/** Who may ask, as the guards see it. A limit that is absent or null is the deployment's default; 0: none may. */
export interface CallingProject extends Partial<ProjectLimits> {
  id: string;
  name: string;
  /** Lower case. */
  ownerAddress: string;
}

/** The port through which the guards find projects. A host with users and keys of its own provides another one. */
export abstract class ProjectDirectory {
  abstract findById(projectId: string): Promise<CallingProject | null>;
  /** The project of an owner address, in any case. */
  abstract findByOwner(address: string): Promise<CallingProject | null>;
  /** The project of an API key that is not revoked. Asked only for what `isApiKey` takes for one. */
  abstract findByApiKey(key: string): Promise<CallingProject | null>;

  /**
   * Whether a text has the form of an API key. A mistyped one costs no look-up, and one of another service, beside a
   * signature, is ignored. The form of the keys that `Projects` makes; with keys of another form, say which.
   */
  isApiKey(text: string): boolean {
    return isWellFormedApiKey(text);
  }
}
