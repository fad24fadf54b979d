import type { Socket } from 'node:net';
import { Client, type ClientConfig } from 'pg';
import type { ConnectionSettings, ConnectionTarget } from './connection-string.js';
import { readConnectionString } from './connection-string.js';
import type { TargetSessionAttrs } from './connection-parameters.js';
import { requireChannelBinding } from './channel-binding.js';
import { refusesTarget } from './connection-errors.js';
import { isWanted, wrongSession } from './session-attributes.js';

/** Opens every connection of the application to its database. */
export interface DatabaseConnection {
  /** Options for MikroORM. Its pool creates clients of the class `driverOptions.Client`. */
  ormOptions: { dbName: string; ensureDatabase: false; driverOptions: { Client: typeof Client } & ClientConfig };
  /** Creates a client that is not connected yet. If `signal` aborts, its connection is closed with the error "timeout expired". */
  newClient(config?: ClientConfig, signal?: AbortSignal): Client;
  /** Limit for one attempt, which tries each host in turn. */
  attemptTimeoutMs: number;
  /** Hosts with their ports and the database, for messages. No password. */
  label: string;
}

/** For one host, where connect_timeout is not longer. */
export const HOST_TIMEOUT_MS = 5000;

type Callback = ((error: Error) => void) | ((error: null, client: Client) => void);

/** Throws WrongConnectionString. */
export function connectionTo(url: string): DatabaseConnection {
  const settings = readConnectionString(url);
  const ConnectingClient = clientOf(settings);
  const { database } = new ConnectingClient();
  const hosts = settings.targets.map((target) => {
    const { host, port } = new Client({ ...settings.config, ...target });
    return host.startsWith('/') ? host : `${host}:${port}`;
  });
  return {
    ormOptions: {
      dbName: database ?? '',
      ensureDatabase: false,
      driverOptions: {
        ...(settings.config.connectionTimeoutMillis !== undefined && {
          connectionTimeoutMillis: settings.config.connectionTimeoutMillis,
        }),
        Client: ConnectingClient,
      },
    },
    newClient: (config, signal) => new ConnectingClient(config, signal),
    attemptTimeoutMs:
      new Set(hosts).size * Math.max(HOST_TIMEOUT_MS, settings.config.connectionTimeoutMillis ?? HOST_TIMEOUT_MS),
    label: `${[...new Set(hosts)].join(',')}/${database}`,
  };
}

/**
 * `pg` supports one host, with or without TLS. This client tries the targets in order, as libpq does, and stays with the one
 * that accepted it. A client of `pg` connects only once, so each try uses a client of its own.
 */
function clientOf(settings: ConnectionSettings) {
  const { targets, targetSessionAttrs } = settings;
  const hasSeveralHosts = new Set(targets.map(({ host, port }) => `${host}:${port}`)).size > 1;
  let known = targets.length === 1 ? targets[0] : undefined;

  return class ConnectingClient extends Client {
    constructor(
      private readonly given: ClientConfig = {},
      private readonly signal?: AbortSignal,
    ) {
      super({ ...given, ...settings.config, ...(known ?? targets[0]) });
      // Each query reports its own error. During the connect, nobody else listens for errors yet.
      this.on('error', () => {});
      if (settings.requiresChannelBinding) requireChannelBinding(this);
    }

    override connect(): Promise<Client>;
    override connect(callback: Callback): void;
    override connect(callback?: Callback): Promise<Client> | void {
      const connecting = this.connectToTarget();
      if (!callback) return connecting;
      const done = callback as (error: Error | null, client?: Client) => void;
      connecting.then(() => done(null, this), done);
    }

    private async connectToTarget(): Promise<Client> {
      const target = known ?? (await this.findTarget());
      known = target;
      retarget(this, target);
      this.once('end', destroyOnAbort(this, this.signal));
      try {
        await super.connect();
        if (await isWanted(this, targetSessionAttrs)) return this;
        void this.end();
        throw wrongSession(targetSessionAttrs);
      } catch (error) {
        // Hosts change their roles, and servers change what they accept.
        const isUnsure = targets.length > 1 && (hasSeveralHosts || refusesTarget(error));
        if (isUnsure && known === target) known = undefined;
        throw error;
      }
    }

    private async findTarget(): Promise<ConnectionTarget> {
      /** The last error of each host, which is that of the try that got furthest. */
      const errors = new Map<string, Error>();
      const rounds = targetSessionAttrs === 'prefer-standby' ? (['standby', 'any'] as const) : [targetSessionAttrs];
      for (const attrs of rounds) {
        errors.clear();
        for (const target of targets) {
          const host = `${target.host}:${target.port}`;
          const before = errors.get(host);
          // A host that does not respond with TLS does not respond without it either.
          if (before && !refusesTarget(before)) continue;
          const error = await this.tryTarget(target, attrs);
          if (!error) return target;
          errors.set(host, error);
        }
      }
      throw summary([...errors.values()]);
    }

    private async tryTarget(target: ConnectionTarget, attrs: TargetSessionAttrs): Promise<Error | null> {
      const client = new Client({ ...this.given, ...settings.config, ...target });
      client.on('error', () => {});
      if (settings.requiresChannelBinding) requireChannelBinding(client);
      const stopWatching = destroyOnAbort(client, this.signal);
      try {
        await client.connect();
        return (await isWanted(client, attrs)) ? null : wrongSession(attrs);
      } catch (error) {
        return error as Error;
      } finally {
        stopWatching();
        void client.end();
      }
    }
  };
}

/** Destroys the connection when the signal aborts. Returns a function that removes the listener. */
function destroyOnAbort(client: Client, signal: AbortSignal | undefined): () => void {
  const destroy = () => (client.connection.stream as Socket).destroy(new Error('timeout expired'));
  signal?.addEventListener('abort', destroy);
  if (signal?.aborted) destroy();
  return () => signal?.removeEventListener('abort', destroy);
}

/** Replaces the target that the constructor of `pg` was given. Call it before the client connects. */
function retarget(client: Client, { host, port, ssl }: ConnectionTarget): void {
  const { connectionParameters } = new Client({ host, port, ssl }) as Client & { connectionParameters: object };
  const resolved = connectionParameters as { host: string; port: number };
  Object.assign(client, { host: resolved.host, port: resolved.port, ssl });
  Object.assign(client.connection, { ssl });
}

function summary(errors: readonly Error[]): Error {
  const messages = [...new Set(errors.map(({ message }) => message))];
  const last = errors.at(-1)!;
  return messages.length === 1 ? last : new AggregateError(errors, messages.join('; '), { cause: last });
}
