import { checkServerIdentity, getCACertificates, type ConnectionOptions, type SecureVersion } from 'node:tls';
import type { ClientConfig } from 'pg';
import { parse } from 'pg-connection-string';
import {
  readParameters,
  WrongConnectionString,
  type SslMode,
  type TargetSessionAttrs,
} from './connection-parameters.js';

/** A host, a port and whether to use TLS. With `sslmode=prefer`, a server has two targets: with TLS and without. */
export interface ConnectionTarget {
  host: string;
  port: number | undefined;
  ssl: ConnectionOptions | false;
}

export interface ConnectionSettings {
  /** The settings that all targets share, for `pg`. */
  config: ClientConfig;
  /** In the order in which they are tried. */
  targets: ConnectionTarget[];
  targetSessionAttrs: TargetSessionAttrs;
  requiresChannelBinding: boolean;
}

/** Environment variables of libpq that `pg` ignores or reads differently. It reads PGUSER, PGPASSWORD and the like itself. */
const VARIABLES: Readonly<Record<string, string>> = {
  PGSSLMODE: 'sslmode',
  PGSSLROOTCERT: 'sslrootcert',
  PGSSLCERT: 'sslcert',
  PGSSLKEY: 'sslkey',
  PGSSLNEGOTIATION: 'sslnegotiation',
  PGSSLMINPROTOCOLVERSION: 'ssl_min_protocol_version',
  PGSSLMAXPROTOCOLVERSION: 'ssl_max_protocol_version',
  PGCHANNELBINDING: 'channel_binding',
  PGCONNECT_TIMEOUT: 'connect_timeout',
  PGTARGETSESSIONATTRS: 'target_session_attrs',
};

const CANNOT_BE_READ =
  'must be a connection string, such as "postgres://user:password@host:5432/database", with special characters percent-encoded';

/** A connection string that names no host. It may name a port. */
const NO_HOST = /^postgres(ql)?:\/\/([^/?#]*@)?(?<port>:[0-9]*)?([/?#]|$)/;

/** Adds libpq's environment variables to the connection string. A parameter in the string wins. */
export function withLibpqVariables(url: string, variables: Readonly<Record<string, string | undefined>>): string {
  const [, query = ''] = url.split('?', 2);
  const given = new URLSearchParams(query);
  const noHost = given.has('host') ? null : NO_HOST.exec(url);
  // The host decides about TLS (a Unix socket has none) and is compared with the certificate.
  const host = noHost && variables['PGHOST'] ? { PGHOST: 'host' } : {};
  const port = noHost && !noHost.groups?.['port'] ? { PGPORT: 'port' } : {};
  return Object.entries({ ...VARIABLES, ...host, ...port })
    .filter(([variable, name]) => variables[variable] && !given.has(name) && !(name === 'sslmode' && given.has('ssl')))
    .reduce(
      (whole, [variable, name]) =>
        `${whole}${whole.includes('?') ? '&' : '?'}${name}=${encodeURIComponent(variables[variable]!)}`,
      url,
    );
}

/**
 * Reads a connection string as libpq does, with `pg`'s own parser, and the files of certificates that it names. Throws
 * WrongConnectionString for every parameter that is unknown or not supported, so that none is ignored.
 */
export function readConnectionString(url: string): ConnectionSettings {
  const { base, hosts, query } = split(url);
  const parameters = readParameters(query);
  const mode = sslMode(parameters);
  // `pg` needs to know that without a certificate authority it encrypts and verifies nothing; libpq has no mode for this.
  query.set('sslmode', mode === 'allow' || mode === 'prefer' ? 'require' : mode);
  for (const name of ['ssl', 'uselibpqcompat', 'host', 'port', 'dbname']) query.delete(name);
  if (parameters.get('sslrootcert') === 'system') query.delete('sslrootcert');

  const parsed = parseWithPg(`${base}?${query.toString()}`);
  const tls: ConnectionOptions = {
    ...(parsed.ssl as ConnectionOptions),
    ...(parameters.get('sslrootcert') === 'system' && { ca: systemCertificates() }),
    ...given(parameters, 'sslpassword', (passphrase) => ({ passphrase })),
    ...given(parameters, 'ssl_min_protocol_version', (version) => ({ minVersion: version as SecureVersion })),
    ...given(parameters, 'ssl_max_protocol_version', (version) => ({ maxVersion: version as SecureVersion })),
  };
  return {
    config: {
      user: parsed.user ?? '',
      password: parsed.password ?? '',
      database: parameters.get('dbname') ?? parsed.database ?? '',
      ...given(parameters, 'application_name', (name) => ({ application_name: name })),
      ...given(parameters, 'fallback_application_name', (name) => ({ fallback_application_name: name })),
      ...given(parameters, 'options', (options) => ({ options })),
      ...given(parameters, 'sslnegotiation', (how) => ({ sslnegotiation: how as 'postgres' | 'direct' })),
      ...given(parameters, 'connect_timeout', (seconds) => ({
        connectionTimeoutMillis: Math.max(0, Number(seconds)) * 1000,
      })),
      ...given(parameters, 'keepalives', (flag) => ({ keepAlive: flag === '1' })),
      ...given(parameters, 'keepalives_idle', (seconds) => ({ keepAliveInitialDelayMillis: Number(seconds) * 1000 })),
      ...given(parameters, 'channel_binding', (binding) => ({ enableChannelBinding: binding !== 'disable' })),
    },
    targets: hosts.flatMap(({ name, port }) => waysTo(name, port, mode, tls)),
    targetSessionAttrs: (parameters.get('target_session_attrs') as TargetSessionAttrs | undefined) ?? 'any',
    requiresChannelBinding: parameters.get('channel_binding') === 'require',
  };
}

interface Host {
  name: string;
  port: number | undefined;
}

/** `base` is the part before the query, with one host, since `pg` and `URL` accept only one. */
function split(url: string): { base: string; hosts: Host[]; query: URLSearchParams } {
  const match =
    /^(?<scheme>postgres(?:ql)?:\/\/)(?<user>[^/?#]*@)?(?<hosts>[^/?#@]*)(?<path>\/[^?#@]*)?(?:\?(?<query>[^#]*))?$/.exec(
      url,
    );
  if (!match?.groups) {
    throw new WrongConnectionString(CANNOT_BE_READ);
  }
  const { scheme, user = '', hosts = '', path = '', query = '' } = match.groups;
  // libpq does not decode a plus sign as a space.
  const parameters = new URLSearchParams(query.replaceAll('+', '%2B'));
  return { base: `${scheme}${user}localhost${path}`, hosts: readHosts(hosts, parameters), query: parameters };
}

function readHosts(authority: string, query: URLSearchParams): Host[] {
  const [names, ports] = [query.get('host')?.split(','), query.get('port')?.split(',') ?? []];
  const inAuthority = authority.split(',').map(readHost);
  const authorityPort = inAuthority.length === 1 ? inAuthority[0]!.port : '';
  const hosts = names?.map((name) => ({ name, port: authorityPort })) ?? inAuthority;
  if (ports.length > 1 && ports.length !== hosts.length) {
    throw new WrongConnectionString(`names ${hosts.length} hosts and ${ports.length} ports`);
  }
  return hosts.map(({ name, port }, index) => {
    const number = Number((ports.length > 1 ? ports[index] : ports[0]) || port || Number.NaN);
    if (number > 65_535) throw new WrongConnectionString('names a port above 65535');
    return { name, port: Number.isNaN(number) ? undefined : number };
  });
}

function readHost(text: string): { name: string; port: string } {
  const match = /^(?:\[(?<address>[^\]]+)\]|(?<name>(?:[^:%]|%[0-9a-f]{2})*))(?::(?<port>[0-9]{0,5}))?$/i.exec(text);
  if (!match?.groups) throw new WrongConnectionString(CANNOT_BE_READ);
  const { address, name = '', port = '' } = match.groups;
  return { name: address ?? decodeURIComponent(name), port };
}

function sslMode(parameters: ReadonlyMap<string, string>): SslMode {
  const usesSystemCertificates = parameters.get('sslrootcert') === 'system';
  const fallback = usesSystemCertificates ? 'verify-full' : parameters.has('ssl') ? 'require' : 'prefer';
  const mode = (parameters.get('sslmode') as SslMode | undefined) ?? fallback;
  if (usesSystemCertificates && mode !== 'verify-full') {
    throw new WrongConnectionString(`has sslmode=${mode} with sslrootcert=system, which needs sslmode=verify-full`);
  }
  if (mode === 'verify-ca' && !parameters.has('sslrootcert')) {
    throw new WrongConnectionString(
      'has sslmode=verify-ca, which needs sslrootcert: the file of the certificate authority',
    );
  }
  const isDirect = parameters.get('sslnegotiation') === 'direct';
  if (isDirect && ['disable', 'allow', 'prefer'].includes(mode)) {
    throw new WrongConnectionString(
      `has sslnegotiation=direct, which needs sslmode=require or stricter; it is ${mode}`,
    );
  }
  return mode;
}

function parseWithPg(url: string): ReturnType<typeof parse> {
  try {
    return parse(url, { useLibpqCompat: true });
  } catch (error) {
    const { code, path } = error as NodeJS.ErrnoException;
    if (path)
      throw new WrongConnectionString(`names the file ${path}, which cannot be read (${code})`, { cause: error });
    throw new WrongConnectionString(CANNOT_BE_READ);
  }
}

function waysTo(host: string, port: number | undefined, mode: SslMode, tls: ConnectionOptions): ConnectionTarget[] {
  const plain = { host, port, ssl: false } as const;
  // As in libpq, a Unix socket is never encrypted.
  if (mode === 'disable' || host.startsWith('/')) return [plain];
  const encrypted = {
    host,
    port,
    ssl: {
      ...tls,
      // `pg` sets no server name for an IP address, and Node would compare the certificate with "localhost".
      ...(mode === 'verify-full' && {
        checkServerIdentity: (_name: string, certificate: Parameters<typeof checkServerIdentity>[1]) =>
          checkServerIdentity(host || 'localhost', certificate),
      }),
    },
  };
  if (mode === 'allow') return [plain, encrypted];
  return mode === 'prefer' ? [encrypted, plain] : [encrypted];
}

function systemCertificates(): string[] {
  return [...getCACertificates('default'), ...getCACertificates('system')];
}

function given<Value extends object>(
  parameters: ReadonlyMap<string, string>,
  name: string,
  make: (value: string) => Value,
): Value | undefined {
  const value = parameters.get(name);
  return value === undefined ? undefined : make(value);
}
