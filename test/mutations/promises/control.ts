import { REFRESH, type Mutation } from '../mutation.js';

export const CONTROL: readonly Mutation[] = [
  {
    promise: 'A cancelled or paused refresh is not claimed from the commit on',
    file: `${REFRESH}control/stopped-chunks.ts`,
    breaks: 'Claims see only what the sweep has changed',
    find: `and (paused_at is not null or cancelled_at is not null)\``,
    replace: 'and false`',
    suite: 'test/refresh-cancellation.e2e-spec.ts',
    title: 'a refresh that was cancelled a moment ago is not claimed, although its chunks are not cancelled yet',
  },
  {
    promise: 'Cancelling leaves live claims alone',
    file: `${REFRESH}control/stopped-chunks.ts`,
    breaks: 'Claimed chunks are cancelled too',
    find: 'and not (is_claimed and due_at > now())',
    replace: '',
    suite: 'test/refresh-cancellation.e2e-spec.ts',
    title: 'cancelling a refresh cancels the tokens that no worker holds; running fetches end as usual',
  },
  {
    promise:
      'Cancelling does not wait for chunks that a claim or a completion has locked, so that they cannot deadlock',
    file: `${REFRESH}control/stopped-chunks.ts`,
    breaks: 'It waits for locked chunks',
    find: `limit \${limit}
      for update skip locked
    ), removed`,
    replace: `limit \${limit}
      for update
    ), removed`,
    suite: 'test/refresh-cancellation.e2e-spec.ts',
    title: 'cancelling a refresh does not wait for the claim of its other tokens',
  },
];
