import { InvalidProject } from './project-auth.errors.js';

/** The limits of a project. null: the deployment's default; 0 blocks every request. */
export interface ProjectLimits {
  requestsPerSecond: number | null;
  tokensPerRequest: number | null;
  tokensPerHour: number | null;
  /** Tokens that one selection may have, such as all tokens of a collection. */
  tokensPerSelection: number | null;
}

/** The maximum of PostgreSQL's integer, with room to add two limits. */
export const MAX_LIMIT = 1_000_000_000;

/** Throws InvalidProject, which names the limit. */
export function checkLimits(limits: Partial<ProjectLimits>): void {
  for (const [name, limit] of Object.entries(limits)) {
    if (limit === null || (Number.isInteger(limit) && limit >= 0 && limit <= MAX_LIMIT)) continue;
    throw new InvalidProject(`A limit of ${String(limit)} for ${name} is not a whole number from 0 to ${MAX_LIMIT}.`);
  }
}
