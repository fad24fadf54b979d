import type { Client } from 'pg';

/** `pg` uses channel binding if the server offers it. This refuses every other authentication before a password is sent. */
export function requireChannelBinding(client: Client): void {
  const { connection } = client as unknown as {
    connection: NodeJS.EventEmitter & { stream: { destroy(error: Error): void } };
  };
  let isBound = false;
  const refuse = () =>
    connection.stream.destroy(new Error('the server offers no channel binding, which channel_binding=require needs'));
  connection.prependListener('authenticationSASL', ({ mechanisms }: { mechanisms: string[] }) => {
    isBound = mechanisms.includes('SCRAM-SHA-256-PLUS');
    if (!isBound) refuse();
  });
  for (const other of ['authenticationCleartextPassword', 'authenticationMD5Password']) {
    connection.prependListener(other, refuse);
  }
  connection.prependListener('authenticationOk', () => isBound || refuse());
}
