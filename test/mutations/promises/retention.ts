import { REFRESH, STORE, type Mutation } from '../mutation.js';

export const RETENTION: readonly Mutation[] = [
  {
    promise: 'A refresh that is not completed is never deleted',
    file: `${REFRESH}refresh-retention.ts`,
    breaks: 'Its age decides',
    find: `completed_at < now() - \${this.config.refreshRetentionDays}`,
    replace: `created_at < now() - \${this.config.refreshRetentionDays}`,
    suite: 'test/refresh-retention.e2e-spec.ts',
    title: 'the retention deletes a completed refresh with its errors after thirty days, and no open one',
  },
  {
    promise: 'The refresh of an open reveal is kept',
    file: `${REFRESH}refresh-retention.ts`,
    breaks: 'It is deleted like others',
    find: `where state = 'open')))`,
    replace: 'where false)))',
    suite: 'test/reveal-staging.e2e-spec.ts',
    title: 'the retention keeps the refresh of an open reveal, however old it is',
  },
  {
    promise: 'A statement that deletes results reads only those, whatever the statistics of the table',
    file: `${REFRESH}refresh-retention.ts`,
    breaks: 'The planner may read all results of the refresh',
    find: 'await readInIndexOrder(em);',
    replace: '',
    suite: 'test/refresh-retention.e2e-spec.ts',
    title: 'a large refresh is deleted in the order of its tokens, and no statement reads what others delete',
  },
  {
    promise: 'A statement that deletes the trait values of a collection reads only those',
    file: `${STORE}collection-removal.ts`,
    breaks: 'The planner may read all trait values of the collection',
    find: 'await readInIndexOrder(em);',
    replace: '',
    suite: 'test/record-plans.e2e-spec.ts',
    title: 'a removal of a collection reads each trait value once, however many there are',
  },
  {
    promise: 'A refresh is deleted with its results and errors',
    file: `${REFRESH}refresh-retention.ts`,
    breaks: 'Its errors stay',
    find: `delete from nft_metadata.refresh_errors where ctid = any(array(
          select of_refresh.ctid`,
    replace: `delete from nft_metadata.refresh_errors where false and ctid = any(array(
          select of_refresh.ctid`,
    suite: 'test/refresh-retention.e2e-spec.ts',
    title: 'the retention deletes a completed refresh with its errors after thirty days, and no open one',
  },
];
