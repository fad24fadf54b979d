import type { ReadScope } from '@app/metadata-refresh';
import type { CallingProject } from '@app/project-auth';

/** Who sends a request. */
export type Person = {
  /** As shown. */ name: string;
  mayAct: boolean;
  expiresAt: Date | null;
  /** One for each session. */ sessionKey: string;
} & ({ kind: 'operator' } | { kind: 'partner'; project: CallingProject });

/** What the person may see. Readers take it, and no parameter of a request widens it. */
export function scopeOf(person: Person): ReadScope {
  return person.kind === 'operator' ? 'all-projects' : { projectId: person.project.id };
}

/** Whether the person may see what belongs to this project. */
export function maySee(person: Person, projectId: string): boolean {
  return person.kind === 'operator' || person.project.id === projectId;
}

/** The project to which lists are limited; undefined: all of them are listed. */
export function ownProjectId(person: Person): string | undefined {
  return person.kind === 'partner' ? person.project.id : undefined;
}
