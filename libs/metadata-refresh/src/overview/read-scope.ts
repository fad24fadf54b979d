/** Whose rows a reader returns: those of all projects, for operators, or of one. */
export type ReadScope = 'all-projects' | { projectId: string };

/** null: of all projects. */
export function projectIdOf(scope: ReadScope): string | null {
  return scope === 'all-projects' ? null : scope.projectId;
}
