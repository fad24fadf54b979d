import { REFRESH, type Mutation } from '../mutation.js';

export const CONSOLE: readonly Mutation[] = [
  {
    promise: 'The page of failures compares no failure with those of other refreshes',
    file: `${REFRESH}overview/failure-overview.ts`,
    breaks: 'The planner may join failures and refreshes in a loop',
    find: 'full join cell using (refresh_id)',
    replace: 'join cell using (refresh_id)',
    suite: 'test/console-failures.e2e-spec.ts',
    title:
      'failures of 5,100 refreshes are read in an index and compared with no others on the page of failures, if statistics know',
  },
  {
    promise: 'The failures of a refresh are read without those of others, also with old statistics',
    file: `${REFRESH}overview/failure-overview.ts`,
    breaks: 'The planner may read them in the index of all failures',
    find: 'error.refresh_id = any(array[${refreshId}])',
    replace: 'error.refresh_id = ${refreshId}',
    suite: 'test/console-failures.e2e-spec.ts',
    title:
      'failures of 5,100 refreshes are read in an index and compared with no others on the page of failures, if statistics know',
  },
];
