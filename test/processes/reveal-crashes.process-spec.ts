import { TokenStore } from '@app/token-store';
import { CrashTest, waitUntil, type HeldLock } from '../support/crash-test.js';
import { blockCommits, installCommitTriggers } from '../support/kill-points.js';
import {
  aProjectWithEggs,
  eventsOf,
  expectExactCounts,
  publishReveal,
  readReveal,
  recordOf,
  stageReveal,
  traitsOf,
  untilReveal,
  type RevealIds,
  type RevealProject,
} from '../support/reveals.js';
import type { ServiceProcess } from '../support/service-process.js';

// Each test starts processes and kills them, which takes a while on a busy machine.
vi.setConfig({ testTimeout: 180_000 });

const TOKENS = 200;

let test: CrashTest;
let readers: Reader[] = [];
beforeAll(async () => {
  test = await CrashTest.start();
  await installCommitTriggers(test);
});
afterEach(async () => {
  await Promise.all(readers.map((reader) => reader.stop()));
  readers = [];
  test.metadataApi.releaseHeld();
  test.metadataApi.forgetScripts();
  await test.killAll();
});
afterAll(() => test.stop());

/** Sends a POST for a reveal to a process. Returns the body of the 202. */
async function post(
  { url }: ServiceProcess,
  { apiKey }: RevealProject,
  path: string,
  body: object = {},
): Promise<Record<string, string>> {
  const response = await fetch(`${url}/v1/reveals${path}`, {
    method: 'POST',
    headers: { 'x-api-key': apiKey, 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  if (response.status !== 202) throw new Error(`${response.status}: ${await response.text()}`);
  return (await response.json()) as Record<string, string>;
}

type Seen = 'old' | 'new' | 'mixture';

/** Reads names, traits and their counts all the time, in the process of the test. */
class Reader {
  /** What it saw, each state once in a row. */
  private readonly seen: Seen[] = [];
  private reads = 0;
  private isOver = false;
  private readonly reading: Promise<void>;

  constructor(
    private readonly project: RevealProject,
    private readonly shown: Record<'old' | 'new', 'Egg' | 'Dragon'>,
  ) {
    this.reading = this.read();
    readers.push(this);
  }

  /** Waits for a read that begins from now on. */
  async look(): Promise<Seen> {
    const before = this.reads;
    await waitUntil(() => this.reads > before + 1);
    return this.seen.at(-1)!;
  }

  /** Returns what it has seen: `mixture` never, and a state twice if it came back. */
  async stop(): Promise<readonly Seen[]> {
    this.isOver = true;
    await this.reading;
    return this.seen;
  }

  private async read(): Promise<void> {
    while (!this.isOver) {
      const saw = await this.readOnce();
      this.reads += 1;
      if (this.seen.at(-1) !== saw) this.seen.push(saw);
    }
  }

  private async readOnce(): Promise<Seen> {
    const { collectionId } = this.project;
    const { tokens } = await test.app.app.get(TokenStore).pageTokens({ collectionId, limit: TOKENS });
    const counts = await traitsOf(test.app, this.project);
    const texts = tokens.map(({ name, attributes }) => JSON.stringify([name, attributes]));
    const page = seenIn(texts, this.shown);
    if (page === 'mixture' || tokens.length !== TOKENS) return 'mixture';
    return counts.length === 1 ? page : 'mixture';
  }
}

/** Of one page. Eggs have the trait Stage, dragons have Rarity. */
function seenIn(texts: readonly string[], shown: Record<'old' | 'new', 'Egg' | 'Dragon'>): Seen {
  const isOf = (kind: 'Egg' | 'Dragon') =>
    texts.every((text) => text.includes(`"${kind} `) && text.includes(kind === 'Egg' ? 'Stage' : 'Rarity'));
  if (isOf(shown.old)) return 'old';
  return isOf(shown.new) ? 'new' : 'mixture';
}

const at = (statement: string) => () => test.holdLock(statement);

describe('a worker that is killed while it stages a reveal', () => {
  it.each([
    ['after its requests are sent', null],
    [
      'after its documents are written, before the results',
      at('lock table nft_metadata.refresh_results in share mode'),
    ],
    ['after the results are written, before the counters', at('select from nft_metadata.refreshes for no key update')],
    ['while its documents are being committed', () => blockCommits(test, 'finish')],
  ] as const)(
    'a worker that is killed while it stages a reveal, %s, leaves no trace for readers, and another one stages the rest [V2]',
    async (_, block) => {
      const project = await aProjectWithEggs(test.app, TOKENS);
      const reader = new Reader(project, { old: 'Egg', new: 'Dragon' });
      const api = await test.startProcess('api');
      const worker = await test.startProcess('worker');
      test.metadataApi.hold();

      const { reveal_id: revealId, refresh_id: refreshId } = await post(api, project, '', {
        collection_address: project.collectionAddress,
        all: true,
      });
      await waitUntil(() => test.metadataApi.heldCount > 0);
      const lock = await block?.();
      if (lock) {
        test.metadataApi.releaseHeld();
        await lock.reached();
      }
      await worker.end('SIGKILL');
      test.metadataApi.releaseHeld();
      await lock?.release();
      const during = await reader.look();
      await test.startProcess('worker');
      await test.expireLeases();
      const reveal = { revealId: revealId!, refreshId: refreshId! };
      const staged = await untilReveal(test.app, project, reveal, 'staged');
      const before = await reader.look();
      await post(api, project, `/${revealId}/publish`);
      await untilReveal(test.app, project, reveal, 'published');

      expect([during, before]).toEqual(['old', 'old']);
      expect(staged).toMatchObject({ summary: { total: TOKENS, staged: TOKENS, failed: 0, pending: 0 } });
      await reader.look();
      expect(await reader.stop()).toEqual(['old', 'new']);
      await test.expectAllDone();
      await expectExactCounts(test.app);
    },
  );
});

interface Job {
  call: 'publish' | 'revert';
  state: 'publishing' | 'reverting';
  done: 'published' | 'reverted';
  shown: Record<'old' | 'new', 'Egg' | 'Dragon'>;
  /** Of each record afterwards. */
  version: number;
  /** The reveal, ready for the call. */
  prepare(project: RevealProject): Promise<RevealIds>;
}

const jobs: readonly Job[] = [
  {
    call: 'publish',
    state: 'publishing',
    done: 'published',
    shown: { old: 'Egg', new: 'Dragon' },
    version: 2,
    prepare: (project) => stageReveal(test.app, project),
  },
  {
    call: 'revert',
    state: 'reverting',
    done: 'reverted',
    shown: { old: 'Dragon', new: 'Egg' },
    version: 3,
    prepare: async (project) => {
      const reveal = await stageReveal(test.app, project);
      await publishReveal(test.app, project, reveal);
      await test.app.worker.runOnce();
      return reveal;
    },
  },
];

interface JobPoint {
  /** Completes the sentence "killed …". */
  name: string;
  block(): Promise<HeldLock>;
  /** The transaction was complete when the process was killed. */
  isCommitted?: boolean;
}

const points: readonly JobPoint[] = [
  { name: 'before the first record is written', block: at('select from nft_metadata.tokens for update') },
  {
    name: 'after the records are written, before their events',
    block: at('lock table nft_metadata.event_outbox in share mode'),
  },
  {
    name: 'after all records and events, before the counts of traits',
    block: at('select from nft_metadata.collection_traits for update'),
  },
  { name: 'while it commits', block: () => blockCommits(test, 'reveal'), isCommitted: true },
];

describe.each(jobs.map((job) => [job.call, job] as const))('a process that is killed while it calls %s', (_, job) => {
  it.each(points.map((point) => [point.name, point] as const))(
    `a process that is killed during the ${job.call} of a reveal, %s: readers see old or new, another process does it once [V2]`,
    async (name, point) => {
      const project = await aProjectWithEggs(test.app, TOKENS);
      const reveal = await job.prepare(project);
      const reader = new Reader(project, job.shown);
      const api = await test.startProcess('api');
      const lock = await point.block();

      await post(api, project, `/${reveal.revealId}/${job.call}`);
      await lock.reached();
      const blocked = [await reader.look(), (await readReveal(test.app, project, reveal)).state];
      await api.end('SIGKILL');
      const killed = await reader.look();
      await lock.release();
      const { state: released } = await readReveal(test.app, project, reveal);
      const successor = await test.startProcess('worker');
      if (!point.isCommitted) {
        // No process has the reveal any more when those seconds are over.
        await test.database.advance(10);
      }
      const done = await untilReveal(test.app, project, reveal, job.done);

      expect({ name, blocked, killed }).toEqual({ name, blocked: ['old', job.state], killed: 'old' });
      expect(released).toBe(point.isCommitted ? job.done : job.state);
      await reader.look();
      expect(await reader.stop()).toEqual(['old', 'new']);
      expect(done).toMatchObject({ blocked: null, outcome: { updated: TOKENS } });
      expect(await recordOf(test.app, project, '7')).toMatchObject({ metadata_version: job.version });
      const announced = (await eventsOf(test.app, project)).filter(({ type }) => type === `reveal.${job.done}`);
      expect(announced).toHaveLength(1);
      expect(successor.output()).not.toContain('"level":"error"');
      await test.expectAllDone();
      await expectExactCounts(test.app);
    },
  );
});
