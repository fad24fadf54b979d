import { isStorableTime } from '@app/database';
import { InvalidArgumentError, type Command } from 'commander';
import { z } from 'zod';

export function parseWholeNumber(text: string): number {
  if (!/^[0-9]{1,15}$/.test(text)) throw new InvalidArgumentError('It must be a whole number.');
  return Number(text);
}

export function parseAddress(text: string): string {
  if (!/^0x[0-9a-fA-F]{40}$/.test(text)) throw new InvalidArgumentError('It must be 0x and 40 hex digits.');
  return text.toLowerCase();
}

/** A limit as typed. The default is not null, because commander treats null as a missing value. */
export type Limit = number | 'default';

export function parseLimit(text: string): Limit {
  return text === 'default' ? 'default' : parseWholeNumber(text);
}

/** A limit of a project or a host: null for the default of the deployment, undefined if the option is absent. */
export function toLimit(limit: Limit | undefined): number | null | undefined {
  return limit === 'default' ? null : limit;
}

/** The number of rows in a list. */
export function parseRows(text: string): number {
  const rows = parseWholeNumber(text);
  if (rows < 1 || rows > 1000) throw new InvalidArgumentError('It must be from 1 to 1000.');
  return rows;
}

const UNIT_MS: Readonly<Record<string, number>> = { m: 60_000, h: 3_600_000, d: 86_400_000 };

/** An age such as `30m`, `12h` or `7d`, as the time that long ago. */
export function parseAge(text: string): Date {
  const [, amount, unit] = /^([1-9][0-9]{0,5})([mhd])$/.exec(text) ?? [];
  if (amount === undefined)
    throw new InvalidArgumentError('It must be a number of minutes, hours or days: 30m, 12h, 7d.');
  const time = new Date(Date.now() - Number(amount) * UNIT_MS[unit!]!);
  if (!isStorableTime(time)) throw new InvalidArgumentError('It must not lead to a time before the year 1.');
  return time;
}

/** A time in RFC 3339. */
export function parseTime(text: string): Date {
  // Seconds may be left out.
  const complete = text.toUpperCase().replace(/(T\d\d:\d\d)(?=[Z+-])/, '$1:00');
  const { success } = z.iso.datetime({ offset: true }).safeParse(complete);
  if (!success) throw new InvalidArgumentError('It must be a time with its zone, such as 2026-12-01T12:00:00Z.');
  const time = new Date(complete);
  if (!isStorableTime(time)) throw new InvalidArgumentError('It must be in the years 1 to 9999, in UTC.');
  return time;
}

/** The end of a hold. */
export function parseHoldEnd(text: string): Date | 'forever' {
  return text === 'forever' ? text : parseTime(text);
}

const UNIT_SECONDS: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600, d: 86_400 };

/** A duration such as `90m`, `24h` or `7d`, in seconds. */
export function parseDuration(text: string): number {
  const [, amount, unit] = /^([1-9][0-9]{0,6})([smhd])$/.exec(text) ?? [];
  if (amount === undefined) throw new InvalidArgumentError('It must be a duration, such as 90m, 24h or 7d.');
  return Number(amount) * UNIT_SECONDS[unit!]!;
}

export function withJson(command: Command): Command {
  return command.option('--json', 'print one JSON object');
}

/** For commands that destroy something. */
export function withYes(command: Command): Command {
  return command.option('--yes', 'do not ask for confirmation; required without a terminal');
}

/** Selects a collection by its address, and by its chain if the address is registered on several. */
export function withCollection(command: Command): Command {
  return command
    .requiredOption('--collection <0xADDRESS>')
    .option('--chain <id>', 'chain id, if the address is registered on several chains', parseWholeNumber);
}
