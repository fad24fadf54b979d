import { randomBytes } from 'node:crypto';
import type { Notification, Pool, PoolClient } from 'pg';

/** Notifications usually take milliseconds. A slower connection is useless as a wake-up. */
const NOTIFICATION_TIMEOUT_MS = 3000;

/**
 * Whether this connection receives notifications from another connection of the pool. Behind a pooler in transaction mode
 * it does not: LISTEN applies to a server session, which the pooler gives to another client after the statement. The channel
 * is random, so that a LISTEN that stays in such a session has no effect. Throws database errors.
 */
export async function receivesNotifications(client: PoolClient, pool: Pool): Promise<boolean> {
  const channel = `nft_metadata_test_${randomBytes(8).toString('hex')}`;
  const { promise: received, resolve } = Promise.withResolvers<boolean>();
  const onNotification = (notification: Notification) => {
    if (notification.channel === channel) resolve(true);
  };
  const timer = setTimeout(resolve, NOTIFICATION_TIMEOUT_MS, false);
  client.on('notification', onNotification);
  try {
    await client.query(`listen ${channel}`);
    // Not awaited on its own: in a pool of one connection it would wait for this one.
    const sent = pool.query('select pg_notify($1, $2)', [channel, '']);
    const arrived = await Promise.race([received, sent.then(() => received)]);
    await client.query(`unlisten ${channel}`);
    return arrived;
  } finally {
    clearTimeout(timer);
    client.off('notification', onNotification);
  }
}
