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

/** An API key that is not revoked. */
export interface IdentifiedApiKey {
  keyId: string;
  project: CallingProject;
}

/** The port through which the guards find projects. A host application with its own users and keys provides its own. */
export abstract class ProjectDirectory {
  abstract findById(projectId: string): Promise<CallingProject | null>;
  /** In no particular order, without those that do not exist. This default implementation looks up one after the other. */
  async findAllById(projectIds: readonly string[]): Promise<CallingProject[]> {
    const found: CallingProject[] = [];
    for (const id of projectIds) {
      const project = await this.findById(id);
      if (project) found.push(project);
    }
    return found;
  }

  /** The project of an owner address, in any case. */
  abstract findByOwner(address: string): Promise<CallingProject | null>;
  /** The project of an API key that is not revoked. Called only for a text that `isApiKey` accepts. */
  abstract findByApiKey(key: string): Promise<CallingProject | null>;

  /**
   * The same with an id of the key, from which the key cannot be derived: a session of the console keeps it. This default implementation
   * finds none: then nobody signs in to the console with a key.
   */
  async identifyApiKey(_key: string): Promise<IdentifiedApiKey | null> {
    return null;
  }

  /** The project of a key by its id, unless the key is revoked. Called for every request of a session that began with the key. */
  async findByApiKeyId(_keyId: string): Promise<CallingProject | null> {
    return null;
  }

  /**
   * Whether a text has the form of an API key. A key of another form costs no look-up, and next to a signature it is
   * ignored, because it belongs to another service. The default accepts the form of the keys that `Projects` creates;
   * override it if your keys have another form.
   */
  isApiKey(text: string): boolean {
    return isWellFormedApiKey(text);
  }
}
