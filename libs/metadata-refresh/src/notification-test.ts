import { randomBytes } from 'node:crypto';
import type { Notification, Pool, PoolClient } from 'pg';

/** Notifications take milliseconds. A connection on which one takes longer is no use for waking anybody. */
const ARRIVES_WITHIN_MS = 3000;

/**
 * Whether this connection receives what another one of the pool sends. Behind a pooler in transaction mode it does not:
 * LISTEN holds for a session of the server, and that is given to another client after the statement. The channel is
 * random, so that a LISTEN that is left in such a session has no effect. Throws what the database throws.
 */
export async function receivesNotifications(client: PoolClient, pool: Pool): Promise<boolean> {
  const channel = `nft_metadata_test_${randomBytes(8).toString('hex')}`;
  const { promise: received, resolve } = Promise.withResolvers<boolean>();
  const onNotification = (notification: Notification) => {
    if (notification.channel === channel) resolve(true);
  };
  const timer = setTimeout(resolve, ARRIVES_WITHIN_MS, false);
  client.on('notification', onNotification);
  try {
    await client.query(`listen ${channel}`);
    // Not awaited alone: in a pool of one connection it would wait for us.
    const sent = pool.query('select pg_notify($1, $2)', [channel, '']);
    const arrived = await Promise.race([received, sent.then(() => received)]);
    await client.query(`unlisten ${channel}`);
    return arrived;
  } finally {
    clearTimeout(timer);
    client.off('notification', onNotification);
  }
}
