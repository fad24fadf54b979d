import type { Mutation } from './mutation.js';
import { ACCEPTANCE } from './promises/acceptance.js';
import { CLOSING } from './promises/closing.js';
import { COALESCING } from './promises/coalescing.js';
import { COMPLETION } from './promises/completion.js';
import { CONSOLE } from './promises/console.js';
import { CONTROL } from './promises/control.js';
import { HOSTS } from './promises/hosts.js';
import { QUEUE } from './promises/queue.js';
import { RECORDS } from './promises/records.js';
import { RETENTION } from './promises/retention.js';
import { REVEALS } from './promises/reveals.js';
import { SSRF_FILTER } from './promises/ssrf-filter.js';

/** All promises, in the order of `docs/reference/promises.md`. */
export const MUTATIONS: readonly Mutation[] = [
  ...QUEUE,
  ...COMPLETION,
  ...COALESCING,
  ...RECORDS,
  ...HOSTS,
  ...SSRF_FILTER,
  ...ACCEPTANCE,
  ...CONTROL,
  ...REVEALS,
  ...CLOSING,
  ...RETENTION,
  ...CONSOLE,
];
