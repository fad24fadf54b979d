import { REFRESH, type Mutation } from '../mutation.js';

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
