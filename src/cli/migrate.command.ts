import type { Command } from 'commander';
import { withJson } from './option-values.js';
import type { Session } from './session.js';

export function addMigrateCommand(migrate: Command, session: Session): void {
  withJson(migrate).action(async () => {
    const applied = await session.migrate();
    session.print({ applied }, applied.length === 0 ? ['The database is up to date.'] : applied.map(toLine));
  });
}

function toLine(name: string): string {
  return `applied: ${name}`;
}
