import { InvalidArgumentError, type Command } from 'commander';

export function parseWholeNumber(text: string): number {
  if (!/^[0-9]{1,15}$/.test(text)) throw new InvalidArgumentError('It has to be a whole number.');
  return Number(text);
}

/** A limit as it is typed. Not null for the default, which commander takes for a value that is missing. */
export type Limit = number | 'default';

export function parseLimit(text: string): Limit {
  return text === 'default' ? 'default' : parseWholeNumber(text);
}

/** A limit of a project, or of a host: null for the deployment's default; undefined when it is not named. */
export function toLimit(limit: Limit | undefined): number | null | undefined {
  return limit === 'default' ? null : limit;
}

/** Rows of a list. */
export function parseRows(text: string): number {
  const rows = parseWholeNumber(text);
  if (rows < 1 || rows > 1000) throw new InvalidArgumentError('It has to be from 1 to 1000.');
  return rows;
}

export function withJson(command: Command): Command {
  return command.option('--json', 'print one JSON object');
}

/** For commands that destroy something. */
export function withYes(command: Command): Command {
  return command.option('--yes', 'without asking; needed where there is no terminal');
}

/** A collection by its address, and by its chain where the address is registered on several. */
export function withCollection(command: Command): Command {
  return command
    .requiredOption('--collection <0xADDRESS>')
    .option('--chain <id>', 'for an address that is registered on several chains', parseWholeNumber);
}
