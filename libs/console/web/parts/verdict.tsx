import type {
  Host,
  Refresh,
  RefreshToken,
  Reveal,
  Token,
  Validation,
  Webhook,
  WorkerList,
} from '../../src/wire/index.js';
import { Icon, type IconName } from './icon.js';

export type Tone = 'ok' | 'same' | 'bad' | 'again' | 'wait' | 'run';

export interface Sign {
  tone: Tone;
  icon: IconName;
  word: string;
}

/** A state: a shape, a word and a colour, never the colour alone. */
export function Pill({ tone, icon, word }: Sign) {
  return (
    <span class={`v ${tone}`}>
      <Icon name={icon} />
      {word}
    </span>
  );
}

export type TokenState = RefreshToken['verdict'] | 'trying_again';

export const TOKEN_SIGNS: Record<TokenState, Sign> = {
  updated: { tone: 'ok', icon: 'check', word: 'Updated' },
  unchanged: { tone: 'same', icon: 'same', word: 'Unchanged' },
  superseded: { tone: 'same', icon: 'skip', word: 'Superseded' },
  held: { tone: 'same', icon: 'pause', word: 'Held' },
  staged: { tone: 'same', icon: 'box', word: 'Staged' },
  failed: { tone: 'bad', icon: 'x', word: 'Failed' },
  cancelled: { tone: 'same', icon: 'stop', word: 'Cancelled' },
  trying_again: { tone: 'again', icon: 'again', word: 'Trying again' },
  pending: { tone: 'wait', icon: 'wait', word: 'Waiting' },
};

export const REFRESH_SIGNS: Record<Refresh['state'], Sign> = {
  scheduled: { tone: 'wait', icon: 'wait', word: 'Scheduled' },
  queued: { tone: 'wait', icon: 'wait', word: 'Queued' },
  running: { tone: 'run', icon: 'again', word: 'In progress' },
  paused: { tone: 'again', icon: 'pause', word: 'Paused' },
  cancelling: { tone: 'wait', icon: 'stop', word: 'Being cancelled' },
  completed: { tone: 'ok', icon: 'check', word: 'Completed' },
  cancelled: { tone: 'same', icon: 'stop', word: 'Cancelled' },
};

export const REVEAL_SIGNS: Record<Reveal['state'], Sign> = {
  staging: { tone: 'run', icon: 'again', word: 'Being fetched' },
  staged: { tone: 'wait', icon: 'box', word: 'Staged' },
  publishing: { tone: 'run', icon: 'again', word: 'Being published' },
  published: { tone: 'ok', icon: 'check', word: 'Published' },
  reverting: { tone: 'run', icon: 'again', word: 'Being reverted' },
  reverted: { tone: 'again', icon: 'skip', word: 'Reverted' },
  cancelled: { tone: 'same', icon: 'stop', word: 'Cancelled' },
  expired: { tone: 'same', icon: 'wait', word: 'Expired' },
};

export const HOST_SIGNS: Record<Host['host']['state'], Sign> = {
  resting: { tone: 'again', icon: 'pause', word: 'Cooldown' },
  failing: { tone: 'bad', icon: 'x', word: 'Failing' },
  slow: { tone: 'again', icon: 'wait', word: 'Slow' },
  good: { tone: 'ok', icon: 'check', word: 'Good' },
  idle: { tone: 'same', icon: 'same', word: 'Idle' },
};

export const WEBHOOK_SIGNS: Record<Webhook['webhook']['state'], Sign> = {
  good: { tone: 'ok', icon: 'check', word: 'Good' },
  failing: { tone: 'bad', icon: 'x', word: 'Failing' },
  disabled: { tone: 'same', icon: 'stop', word: 'Disabled' },
};

export const WORKER_SIGNS: Record<WorkerList['rows'][number]['state'], Sign> = {
  alive: { tone: 'ok', icon: 'check', word: 'Alive' },
  silent: { tone: 'bad', icon: 'x', word: 'Silent' },
  stopped: { tone: 'same', icon: 'stop', word: 'Stopped' },
};

export const RECORD_SIGNS: Record<Token['token']['status'], Sign> = {
  pending: { tone: 'wait', icon: 'wait', word: 'Never fetched' },
  ok: { tone: 'ok', icon: 'check', word: 'Up to date' },
  stale: { tone: 'again', icon: 'warn', word: 'Stale' },
  failed: { tone: 'bad', icon: 'x', word: 'Failed' },
};

export const VALIDATION_SIGNS: Record<Validation['tokens'][number]['verdict'], Sign> = {
  updated: { tone: 'ok', icon: 'check', word: 'Would change' },
  unchanged: { tone: 'same', icon: 'same', word: 'Would not change' },
  superseded: { tone: 'same', icon: 'skip', word: 'Superseded' },
  held: { tone: 'same', icon: 'pause', word: 'Held' },
  failed: { tone: 'bad', icon: 'x', word: 'Would fail' },
  not_tried: { tone: 'wait', icon: 'wait', word: 'Not tried' },
  not_finished: { tone: 'again', icon: 'again', word: 'Not finished' },
};

/** The state of a token of a refresh: one that has failed and waits for its next try says so. */
export function tokenState({ verdict, attempts }: Pick<RefreshToken, 'verdict' | 'attempts'>): TokenState {
  return verdict === 'pending' && attempts > 0 ? 'trying_again' : verdict;
}
