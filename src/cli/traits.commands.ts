import type { Command } from 'commander';
import type { Session } from './session.js';

export function addTraitsCommands(traits: Command, session: Session): void {
  traits
    .command('recount')
    .description('count traits in the token records and correct what differs; safe while the service runs')
    .option('--collection <0xADDRESS>', 'default: all collections')
    .option('--json', 'print one JSON object')
    .action(async ({ collection: address }: { collection?: string }) => {
      const recount = await session.get('traitRecount');
      if (address === undefined) return session.print({ ...(await recount.recount()) });
      const collections = await (await session.get('collections')).findByAddress(address);
      if (collections.length === 0) throw new Error(`Collection ${JSON.stringify(address)} is not registered.`);
      const counts = await Promise.all(collections.map(({ id }) => recount.recount(id)));
      const sum = (key: 'traits' | 'corrected' | 'searchRowsRepaired') =>
        counts.reduce((total, one) => total + one[key], 0);
      session.print({
        collections: collections.length,
        traits: sum('traits'),
        corrected: sum('corrected'),
        searchRowsRepaired: sum('searchRowsRepaired'),
      });
    });
}
