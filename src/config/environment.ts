import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { parseEnv } from 'node:util';
import { z } from 'zod';
import { WrongConnectionString } from '../database/connection-parameters.js';
import { readConnectionString, withLibpqVariables } from '../database/connection-string.js';
import { refusedLibpqVariables } from '../database/libpq-variables.js';

const hostAndPort = /^(\[[0-9a-f:.]+\]|[a-z0-9.-]+):([1-9][0-9]{0,4})$/i;

const list = (text: string) =>
  text
    .split(',')
    .map((entry) => entry.trim())
    .filter(Boolean);

const urlList = z
  .string()
  .transform(list)
  .refine((urls) => urls.every((url) => /^https?:\/\//.test(url) && URL.canParse(url)), {
    error: 'must be a comma-separated list of http or https URLs, such as "https://ipfs.io"',
  })
  .optional();

function toChainAndUrl(entry: string): [chainId: string, url: string] | null {
  const [, chainId, url] = /^([1-9][0-9]{0,14})=(https?:\/\/.+)$/.exec(entry) ?? [];
  return chainId && url && URL.canParse(url) ? [chainId, url] : null;
}

/** Every setting of the service. All are optional; an empty variable is an absent one. */
const environmentSchema = z.object({
  /** Absent: an embedded PostgreSQL in ./.data/postgres. */
  DATABASE_URL: z.string().optional(),
  /** For how long a start waits for the database of DATABASE_URL. 0: it has to be there. */
  DATABASE_WAIT_SECONDS: z
    .string()
    .default('60')
    .refine((seconds) => /^[0-9]{1,5}$/.test(seconds), { error: 'must be a number of seconds from 0 to 99999' })
    .transform(Number),
  PORT: z
    .string()
    .default('3000')
    .refine((port) => /^[0-9]{1,5}$/.test(port) && Number(port) <= 65_535, { error: 'must be a port from 0 to 65535' })
    .transform(Number),
  HOST: z.string().default('127.0.0.1'),
  RUN_MODE: z.enum(['all', 'api', 'worker'], { error: 'must be "all", "api" or "worker"' }).default('all'),
  FETCH_ALLOWED_HOSTS: z
    .string()
    .default('')
    .transform(list)
    .refine((hosts) => hosts.every((host) => hostAndPort.test(host)), {
      error: 'must be a comma-separated list of host:port, such as "localhost:4000,10.0.0.7:8080"',
    }),
  RPC_URLS: z
    .string()
    .default('')
    .transform((text) => list(text).map(toChainAndUrl))
    .refine((urls) => urls.every((entry) => entry !== null), {
      error: 'must be a comma-separated list of chainId=url, such as "1=https://rpc.example"',
      abort: true,
    })
    .refine((urls) => new Set(urls.map((entry) => entry?.[0])).size === urls.length, {
      error: 'must be a list with one URL for each chain',
    })
    .transform((urls) => Object.fromEntries(urls.filter((entry) => entry !== null))),
  IPFS_GATEWAYS: urlList,
  ARWEAVE_GATEWAYS: urlList,
  LOG_LEVEL: z
    .enum(['fatal', 'error', 'warn', 'info', 'debug'], { error: 'must be "fatal", "error", "warn", "info" or "debug"' })
    .default('info'),
});

/** The names of all. */
export const environmentVariables: readonly string[] = Object.keys(environmentSchema.shape);

export interface Environment {
  /** With what libpq's variables (PGSSLMODE and the like) add to it. */
  databaseUrl: string | undefined;
  databaseWaitSeconds: number;
  port: number;
  host: string;
  runMode: 'all' | 'api' | 'worker';
  fetchAllowedHosts: string[];
  /** By chain id. */
  rpcUrls: Record<string, string>;
  ipfsGateways: string[] | undefined;
  arweaveGateways: string[] | undefined;
  logLevel: 'fatal' | 'error' | 'warn' | 'info' | 'debug';
}

/** One line for each variable that is wrong: its name, its value, and what would be right. */
export class WrongEnvironment extends Error {
  override readonly name = 'WrongEnvironment';
}

/**
 * The variables of this process, with those that `.env` in the working directory adds to them. Throws WrongEnvironment when
 * `.env` cannot be read: process.loadEnvFile() takes a file that it may not read for one that does not exist.
 */
export function processVariables(): Readonly<Record<string, string | undefined>> {
  for (const [name, value] of Object.entries(parseEnv(readEnvFile()))) process.env[name] ??= value;
  return process.env;
}

function readEnvFile(): string {
  try {
    return readFileSync('.env', 'utf8');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') return '';
    const problem = code === 'EISDIR' ? 'is a folder, and has to be a file' : `cannot be read (${code})`;
    throw new WrongEnvironment(`${resolve('.env')} ${problem}. Move it, or start in another working directory.`, {
      cause: error,
    });
  }
}

/** The only place that reads the environment. Throws WrongEnvironment. */
export function readEnvironment(variables: Readonly<Record<string, string | undefined>>): Environment {
  const given = Object.fromEntries(
    Object.entries(variables).filter(([, value]) => value !== undefined && value.trim() !== ''),
  );
  const result = environmentSchema.safeParse(given);
  const wrong = (result.error?.issues ?? []).map(
    ({ path, message }) => `${String(path[0])} ${message}; it is ${shown(given, String(path[0]))}`,
  );
  const databaseUrl = given['DATABASE_URL'] && withLibpqVariables(given['DATABASE_URL'], given);
  if (databaseUrl) wrong.push(...whatIsWrongWith(databaseUrl), ...refusedLibpqVariables(given));
  if (!result.success || wrong.length > 0) throw new WrongEnvironment(wrong.join('\n'));
  const { data } = result;
  return {
    databaseUrl,
    databaseWaitSeconds: data.DATABASE_WAIT_SECONDS,
    port: data.PORT,
    host: data.HOST,
    runMode: data.RUN_MODE,
    fetchAllowedHosts: data.FETCH_ALLOWED_HOSTS,
    rpcUrls: data.RPC_URLS,
    ipfsGateways: data.IPFS_GATEWAYS,
    arweaveGateways: data.ARWEAVE_GATEWAYS,
    logLevel: data.LOG_LEVEL,
  };
}

/** Refused at the start, so that no parameter is dropped later. */
function whatIsWrongWith(databaseUrl: string): string[] {
  try {
    readConnectionString(databaseUrl);
    return [];
  } catch (error) {
    if (error instanceof WrongConnectionString) return [`DATABASE_URL ${error.message}`];
    throw error;
  }
}

/** Connection strings and gateway URLs may hold a password. */
function shown(given: Readonly<Record<string, string | undefined>>, name: string): string {
  return /URL|GATEWAYS/.test(name) ? 'something else' : JSON.stringify(given[name]);
}
