import { isIP } from 'node:net';
import { availableParallelism } from 'node:os';
import { nearestName } from '@app/module-options';
import { z } from 'zod';
import { WrongConnectionString } from '../database/connection-parameters.js';
import { readConnectionString, withLibpqVariables } from '../database/connection-string.js';
import { refusedLibpqVariables } from '../database/libpq-variables.js';
import { moduleOptions, OPTION_VARIABLES, schemaOf, type AllModuleOptions } from './option-variables.js';
import type { Variables } from './process-variables.js';
import { valueFromText } from './value-from-text.js';

/** The variables that set no option of a module. All are optional. */
const serviceSchema = z.object({
  /**
   * The connection string of the PostgreSQL database, with the parameters of libpq. Without it, the service starts an
   * embedded PostgreSQL in `./.data/postgres`.
   * @takesEffect start
   */
  DATABASE_URL: z.string().optional(),
  /**
   * How long a start waits for the database of `DATABASE_URL`, in seconds. 0 does not wait.
   * @takesEffect start
   */
  DATABASE_WAIT_SECONDS: z.int().min(0).max(99_999).default(60),
  /**
   * Maximum number of database connections of a process; each worker process of `WORKERS` has as many of its own. A process
   * that runs a worker uses one of them to listen for notifications.
   * @takesEffect start
   */
  DATABASE_POOL_SIZE: z.int().min(2).max(1000).default(10),
  /**
   * The TCP port on which the service listens. 0 selects a free port.
   * @takesEffect start
   */
  PORT: z.int().min(0).max(65_535).default(3000),
  /**
   * The address on which the service listens. `0.0.0.0` listens on every IPv4 address.
   * @takesEffect start
   */
  HOST: z.string().default('127.0.0.1'),
  /**
   * What the process does. `api` serves the routes, `worker` refreshes, delivers events and deletes expired rows, `all` does
   * both. Every mode serves `/health` and `/metrics`.
   * @takesEffect start
   */
  RUN_MODE: z.enum(['all', 'api', 'worker']).default('all'),
  /**
   * How many workers refresh tokens. With 2 or more, each one is a process of its own, which the service starts, watches
   * and stops. With 1, the worker runs in the process that serves the routes. No effect with `RUN_MODE=api`. Default: one
   * less than the number of CPU cores, at least 1 and at most 8.
   * @takesEffect start
   */
  WORKERS: z.int().min(1).max(128).optional(),
  /**
   * The largest body of a request, in bytes. A larger one gets 413.
   * @takesEffect each request
   */
  BODY_LIMIT: z
    .int()
    .min(1024)
    .max(100 * 1024 * 1024)
    .default(100 * 1024),
  /**
   * The reverse proxies whose `X-Forwarded-For`, `-Host` and `-Proto` headers are trusted: the number of proxies in
   * front of the service, or their addresses, subnets or the names `loopback`, `linklocal` and `uniquelocal`. Default:
   * none.
   * @takesEffect each request
   */
  TRUST_PROXY: z
    .array(z.string())
    .refine(areProxies, {
      error: 'must be a number of proxies, or a comma-separated list of addresses and subnets, such as "10.0.0.0/8"',
    })
    .optional(),
  /**
   * Whether anyone may read token records and traits, below `/v1/collections`.
   * @takesEffect start
   */
  EXPOSE_TOKEN_ROUTES: z.boolean().default(true),
  /**
   * Whether a project may manage its collections and register their tokens over HTTP.
   * @takesEffect start
   */
  EXPOSE_COLLECTION_ROUTES: z.boolean().default(true),
  /**
   * Whether a project may manage its webhooks over HTTP.
   * @takesEffect start
   */
  EXPOSE_WEBHOOK_ROUTES: z.boolean().default(true),
  /**
   * Whether a project may push metadata, and anyone may read it, in the wire format of Immutable zkEVM, below `/v1/chains`. The reads
   * need `EXPOSE_TOKEN_ROUTES`, too.
   * @takesEffect start
   */
  EXPOSE_ZKEVM_ROUTES: z.boolean().default(true),
  /**
   * `on` serves the console at `/console`: pages for operators and partners. No effect with `RUN_MODE=worker`.
   * @takesEffect start
   */
  CONSOLE: z.enum(['on', 'off']).default('off'),
  /**
   * The lowest level that is logged.
   * @takesEffect start
   */
  LOG_LEVEL: z.enum(['fatal', 'error', 'warn', 'info', 'debug']).default('info'),
  /**
   * `json` logs one object on each line, `text` is for people, `auto` is `text` on a terminal and `json` elsewhere.
   * @takesEffect start
   */
  LOG_FORMAT: z.enum(['auto', 'json', 'text']).default('auto'),
});

type ServiceVariables = z.output<typeof serviceSchema>;

/**
 * The variables that set no option of a module. The configuration reference reads their docstrings here.
 * @public
 */
export type ServiceVariablesInput = z.input<typeof serviceSchema>;
export const serviceVariables: Readonly<Record<string, z.ZodType>> = serviceSchema.shape;

/** The names of all. */
export const environmentVariables: readonly string[] = [
  ...Object.keys(serviceSchema.shape),
  ...Object.keys(OPTION_VARIABLES),
];

export interface Environment {
  /** The connection string, completed by libpq's variables such as PGSSLMODE. */
  databaseUrl: string | undefined;
  databaseWaitSeconds: number;
  databasePoolSize: number;
  port: number;
  host: string;
  runMode: ServiceVariables['RUN_MODE'];
  /** 0 with RUN_MODE=api; 1 runs in this process; more run in a process each. */
  workers: number;
  /** In bytes. */
  bodyLimit: number;
  trustProxy: string[] | undefined;
  exposeTokenRoutes: boolean;
  exposeCollectionRoutes: boolean;
  exposeWebhookRoutes: boolean;
  exposeZkevmRoutes: boolean;
  hasConsole: boolean;
  logLevel: ServiceVariables['LOG_LEVEL'];
  logFormat: ServiceVariables['LOG_FORMAT'];
  /** The options of modules that have a variable. One whose variable is absent has the module's default. */
  options: AllModuleOptions;
  /** A line for each variable that is probably a misspelt one of ours, or that has no effect. */
  warnings: string[];
}

/** The message has one line for each wrong variable: its name, what is valid, and its value unless it may be a secret. */
export class WrongEnvironment extends Error {
  override readonly name = 'WrongEnvironment';
}

/**
 * The largest FETCH_DEADLINE_MS. A claim holds for 30 seconds: 10 for waiting, 8 for a buffer for a large body, and the
 * exchange itself. A slower exchange would be claimed and fetched again and again.
 */
const MAX_FETCH_DEADLINE_MS = 11_000;

/** Nine processes with the default pool stay below PostgreSQL's default of 100 connections. */
const MAX_DEFAULT_WORKERS = 8;

/** The only place that reads the environment. Throws WrongEnvironment. */
export function readEnvironment(variables: Variables): Environment {
  const given = Object.fromEntries(
    Object.entries(variables).flatMap(([name, text]) => (text?.trim() ? [[name, text.trim()]] : [])),
  );
  const wrong: string[] = [];
  const read = (name: string, schema: z.ZodType) => {
    const text = given[name];
    if (text === undefined) return undefined;
    const result = TEXT_FORMS[name]?.(text) ?? valueFromText(schema, text);
    if ('value' in result) return result.value;
    wrong.push(`${name} ${result.issue}; it is ${shown(name, text)}`);
    return undefined;
  };

  const service = serviceSchema.parse(
    Object.fromEntries(Object.entries(serviceSchema.shape).map(([name, schema]) => [name, read(name, schema)])),
  );
  const options: Record<string, Record<string, unknown>> = {};
  for (const [name, variable] of Object.entries(OPTION_VARIABLES)) {
    const value = read(name, schemaOf(variable));
    if (value !== undefined) (options[variable.group] ??= {})[variable.option] = value;
  }
  if (wrong.length === 0) wrong.push(...mistakesBetween(options));
  const databaseUrl = service.DATABASE_URL && withLibpqVariables(service.DATABASE_URL, given);
  if (databaseUrl) wrong.push(...mistakesIn(databaseUrl), ...refusedLibpqVariables(given));
  if (wrong.length > 0) throw new WrongEnvironment(wrong.join('\n'));

  return {
    databaseUrl,
    databaseWaitSeconds: service.DATABASE_WAIT_SECONDS,
    databasePoolSize: service.DATABASE_POOL_SIZE,
    port: service.PORT,
    host: service.HOST,
    runMode: service.RUN_MODE,
    workers: service.RUN_MODE === 'api' ? 0 : (service.WORKERS ?? defaultWorkers()),
    bodyLimit: service.BODY_LIMIT,
    trustProxy: service.TRUST_PROXY,
    exposeTokenRoutes: service.EXPOSE_TOKEN_ROUTES,
    exposeCollectionRoutes: service.EXPOSE_COLLECTION_ROUTES,
    exposeWebhookRoutes: service.EXPOSE_WEBHOOK_ROUTES,
    exposeZkevmRoutes: service.EXPOSE_ZKEVM_ROUTES,
    hasConsole: service.CONSOLE === 'on' && service.RUN_MODE !== 'worker',
    logLevel: service.LOG_LEVEL,
    logFormat: service.LOG_FORMAT,
    options,
    warnings: [...misspelt(Object.keys(given)), ...withoutEffect(service)],
  };
}

/** Leaves a core to the process that serves the routes, and to the database if it is on the same machine. */
function defaultWorkers(): number {
  return Math.min(Math.max(availableParallelism() - 1, 1), MAX_DEFAULT_WORKERS);
}

function withoutEffect({ RUN_MODE, WORKERS, CONSOLE }: ServiceVariables): string[] {
  return [
    ...(RUN_MODE === 'api' && WORKERS !== undefined
      ? ['WORKERS has no effect with RUN_MODE=api, which runs no worker']
      : []),
    ...(RUN_MODE === 'worker' && CONSOLE === 'on'
      ? ['CONSOLE=on has no effect with RUN_MODE=worker, which serves no pages']
      : []),
  ];
}

/** Variables with a syntax of their own. undefined means that the text is valid and the schema reads it. */
const TEXT_FORMS: Readonly<Record<string, (text: string) => { value: unknown } | { issue: string } | undefined>> = {
  RPC_URLS: chainUrls,
  CHAIN_NAMES: chainNames,
  IPFS_GATEWAYS: gateways,
  ARWEAVE_GATEWAYS: gateways,
};

function chainUrls(text: string): { value: unknown } | { issue: string } {
  const entries = text
    .split(',')
    .map((entry) => entry.trim())
    .filter(Boolean);
  const chains = entries.map((entry): [chainId: string, urls: string[]] => {
    const [, chainId = '', urls = ''] = /^([1-9][0-9]{0,14})=(.*)$/.exec(entry) ?? [];
    return [chainId, urls.split('|').map((url) => url.trim())];
  });
  if (chains.some(([, urls]) => !urls.every(isHttpUrl))) {
    return {
      issue: 'must be a comma-separated list of chainId=url or chainId=url|url, such as "1=https://rpc.example"',
    };
  }
  if (new Set(chains.map(([chainId]) => chainId)).size < chains.length) {
    return { issue: 'must be a list with one entry for each chain, and several URLs in it separated by "|"' };
  }
  return { value: Object.fromEntries(chains.map(([chainId, urls]) => [chainId, urls.length === 1 ? urls[0] : urls])) };
}

function chainNames(text: string): { value: unknown } | { issue: string } {
  const entries = text
    .split(',')
    .map((entry) => entry.trim())
    .filter(Boolean)
    .map((entry) => /^([a-z0-9][a-z0-9_-]*)=([1-9][0-9]{0,14})$/.exec(entry));
  if (entries.includes(null)) {
    return { issue: 'must be a comma-separated list of name=chainId, such as "ethereum=1,ronin=2020"' };
  }
  return { value: Object.fromEntries(entries.map((entry) => [entry![1], Number(entry![2])])) };
}

const isHttpUrl = (text: string) => /^https?:\/\//.test(text) && URL.canParse(text);

function gateways(text: string): { issue: string } | undefined {
  const urls = text
    .split(',')
    .map((entry) => entry.trim())
    .filter(Boolean);
  if (urls.every(isHttpUrl)) return undefined;
  return { issue: 'must be a comma-separated list of http or https URLs, such as "https://ipfs.io"' };
}

/** Values that are valid alone but not together. */
function mistakesBetween(options: AllModuleOptions): string[] {
  const deadlineMs = options.safeHttp?.deadlineMs ?? 0;
  const mistakes =
    deadlineMs <= MAX_FETCH_DEADLINE_MS
      ? []
      : [
          `FETCH_DEADLINE_MS must be at most ${MAX_FETCH_DEADLINE_MS}, so that a fetch ends within its claim; it is "${deadlineMs}"`,
        ];
  for (const [name, { group, option }] of Object.entries(OPTION_VARIABLES)) {
    const { error } = moduleOptions[group].schema.safeParse(options[group] ?? {});
    for (const issue of error?.issues ?? []) {
      if (issue.path[0] === option) mistakes.push(`${name} ${withVariables(issue.message)}`);
    }
  }
  return mistakes;
}

/** Replaces the names of options with those of their variables. */
function withVariables(message: string): string {
  return Object.entries(OPTION_VARIABLES).reduce(
    (text, [name, { option }]) => text.replaceAll(new RegExp(`\\b${option}\\b`, 'g'), name),
    message,
  );
}

/** Checks the parameters at the start, so that none is ignored later. */
function mistakesIn(databaseUrl: string): string[] {
  try {
    readConnectionString(databaseUrl);
    return [];
  } catch (error) {
    if (error instanceof WrongConnectionString) return [`DATABASE_URL ${error.message}`];
    throw error;
  }
}

/** Ignores names of one word, such as HOSTNAME and USER, which often belong to other programs. */
function misspelt(names: readonly string[]): string[] {
  return names
    .filter((name) => /^[A-Z0-9]+(_[A-Z0-9]+)+$/.test(name) && !environmentVariables.includes(name))
    .flatMap((name) => {
      const nearest = nearestName(name, environmentVariables);
      return nearest ? [`${name} is not a variable of this service; did you mean ${nearest}?`] : [];
    });
}

function areProxies(entries: readonly string[]): boolean {
  return (entries.length === 1 && /^[1-9][0-9]?$/.test(entries[0]!)) || entries.every(isProxy);
}

function isProxy(text: string): boolean {
  if (['loopback', 'linklocal', 'uniquelocal'].includes(text)) return true;
  const [, address, bits] = /^([^/]+)(?:\/([0-9]{1,3}))?$/.exec(text) ?? [];
  const family = isIP(address ?? '');
  return family > 0 && Number(bits ?? 0) <= (family === 4 ? 32 : 128);
}

/** Connection strings and gateway URLs may hold a password, and secrets are one. */
function shown(name: string, text: string): string {
  return /URL|GATEWAYS|SECRET/.test(name) ? 'something else' : JSON.stringify(text);
}
