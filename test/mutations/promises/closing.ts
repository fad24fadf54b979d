import { REFRESH, type Mutation } from '../mutation.js';

export const CLOSING: readonly Mutation[] = [
  {
    promise: 'An application does not close its connections while it looks for ended holds',
    file: `${REFRESH}versions/ended-holds.ts`,
    breaks: 'The shutdown does not wait for the look',
    find: 'await this.running?.catch(() => {});',
    replace: '',
    suite: 'test/closing.e2e-spec.ts',
    title:
      'an application that is closed while it looks for ended holds removes those that it finds, before it closes its connections',
  },
  {
    promise: 'An application that is closed while it opens a connection closes',
    file: 'src/database/database-driver.ts',
    breaks: 'The driver is destroyed at once',
    find: 'await Promise.allSettled(acquiring);',
    replace: '',
    suite: 'test/closing.e2e-spec.ts',
    title:
      'an application that is closed while it opens a database connection runs the statement for which it does, and closes',
  },
];
