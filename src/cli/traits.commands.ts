import type { Recount } from '@app/token-store';
import type { Command } from 'commander';
import type { Session } from './session.js';

export function addTraitsCommands(traits: Command, session: Session): void {
  traits
    .command('recount')
    .description('count traits in the token records and correct what differs; safe while the service runs')
    .option('--collection <0xADDRESS>', 'default: all collections')
    .option('--json', 'print one JSON object')
    .action(async ({ collection: address }: { collection?: string }) => {
      const counts = await recountOf(session, address);
      const sum = (key: keyof Recount) => counts.reduce((total, one) => total + one[key], 0);
      session.print({
        collections: sum('collections'),
        traits: sum('traits'),
        corrected: sum('corrected'),
        search_rows_repaired: sum('searchRowsRepaired'),
      });
    });
}

/** All collections, or those with this address: one on each chain. */
async function recountOf(session: Session, address: string | undefined): Promise<Recount[]> {
  const recount = await session.get('traitRecount');
  if (address === undefined) return [await recount.recount()];
  const collections = await (await session.get('collections')).findByAddress(address);
  if (collections.length === 0) throw new Error(`Collection ${JSON.stringify(address)} is not registered.`);
  return Promise.all(collections.map(({ id }) => recount.recount(id)));
}
