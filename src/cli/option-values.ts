import { InvalidArgumentError } from 'commander';

export function parseWholeNumber(text: string): number {
  if (!/^[0-9]{1,15}$/.test(text)) throw new InvalidArgumentError('It has to be a whole number.');
  return Number(text);
}

/** A limit of a project: null for the deployment's default. */
export function parseLimit(text: string): number | null {
  return text === 'default' ? null : parseWholeNumber(text);
}
