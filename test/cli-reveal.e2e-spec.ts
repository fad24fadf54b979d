import { commandLine } from './support/command-line.js';
import { control, untilStatus } from './support/refresh-control.js';
import { refreshOnce } from './support/refresh-steps.js';
import {
  aProjectWithEggs,
  dragon,
  expectExactCounts,
  namesOf,
  readReveal,
  recordOf,
  respondWith,
  revealRequest,
  stageReveal,
  type RevealProject,
} from './support/reveals.js';
import { startApp, type TestApp } from './support/start-app.js';

let test: TestApp;
beforeAll(async () => {
  test = await startApp();
});
afterAll(() => test.stop());
afterEach(() => expectExactCounts(test));

const environment = () => ({ DATABASE_URL: test.database.url, FETCH_ALLOWED_HOSTS: test.metadataApi.host });
const { run, json, refused } = commandLine(environment);
/** With a deployment that keeps no replaced documents. */
const keepingOne = commandLine(() => ({ ...environment(), KEEP_VERSIONS: '1' }));

type Accepted = { reveal_id: string; refresh_id: string; tokens: number };

/** A reveal of the command line, whose documents are not fetched yet. */
const create = async (project: RevealProject, ...options: string[]) =>
  (await json('reveal', 'create', '--collection', project.collectionAddress, ...options)) as Accepted;

async function createStaged(project: RevealProject, ...options: string[]): Promise<Accepted> {
  const accepted = await create(project, ...options);
  await test.worker.runOnce();
  return accepted;
}

it('the command line creates a reveal, shows it, publishes it and reverts it', async () => {
  const project = await aProjectWithEggs(test, 3);

  const { reveal_id: id, refresh_id: refreshId, tokens } = await create(project, '--all', '--max-age', '90m');
  const early = await run('reveal', 'show', '--reveal', id);
  await test.worker.runOnce();
  const staged = await run('reveal', 'show', '--reveal', id);
  const namesBefore = await namesOf(test, project);
  const published = await json('reveal', 'publish', '--reveal', id);
  const { changes, ...inResponse } = await readReveal(test, project, { revealId: id });
  const namesAfter = await namesOf(test, project);
  const reverted = await json('reveal', 'revert', '--reveal', id);

  expect(tokens).toBe(3);
  expect(early.out).toContain('state: staging\n');
  expect(early.out).toContain(`To follow its tokens: refresh watch --refresh ${refreshId}\n`);
  expect(staged.out).toContain('summary: total 3, staged 3, failed 0, pending 0\n');
  expect(staged.out).toMatch(new RegExp(`To publish it: reveal publish --reveal ${id}\n$`));
  expect(namesBefore).toEqual(['Egg 1', 'Egg 2', 'Egg 3']);
  expect(published).toEqual({ project_id: project.id, ...inResponse });
  expect(published).toMatchObject({ state: 'published', reverted: null, outcome: { updated: 3 } });
  expect(changes).toBeNull();
  expect(namesAfter).toEqual(['Dragon 1', 'Dragon 2', 'Dragon 3']);
  expect(reverted).toMatchObject({ state: 'reverted', reverted: { restored: 3, changed_since: 0 } });
  expect(await namesOf(test, project)).toEqual(['Egg 1', 'Egg 2', 'Egg 3']);
});

it('the command line shows what a staged reveal would change, its traits, findings and tokens, as the API does', async () => {
  const project = await aProjectWithEggs(test, 4);
  respondWith(test, () => ({ name: 'Dragon', attributes: [{ trait_type: 'Rarity', value: 'Common' }] }), ['1', '2']);
  test.metadataApi.respond('4', 404);
  const { reveal_id: id } = await createStaged(project, '--all');
  const inResponse = async (path = '') =>
    (await revealRequest(test, project, 'get', `${id}${path}`).expect(200)).body as Record<string, unknown>;
  const timeless = (shown: Record<string, unknown>) => ({ ...shown, as_of: null });

  const shown = await run('reveal', 'show', '--reveal', id);
  const { changes } = await json('reveal', 'show', '--reveal', id);
  const traits = await run('reveal', 'traits', '--reveal', id);
  const lint = await run('reveal', 'lint', '--reveal', id);
  const token = await run('reveal', 'token', '--reveal', id, '--token', '3');
  const failed = await run('reveal', 'token', '--reveal', id, '--token', '4');
  const { record, document, ...inJson } = await json('reveal', 'token', '--reveal', id, '--token', '3');
  const { record: recordInResponse, ...tokenInResponse } = await inResponse('/tokens/3');

  expect(shown.out).toContain(
    'changes: updated 3, unchanged 0, superseded 0, missing 0, first_metadata 0, not_staged 1, as of',
  );
  expect(shown.out).toMatch(/^changed_fields: .*name 3/m);
  expect(shown.out).toContain('changed_traits: tokens 3, added 3, removed 3,');
  expect(shown.out).toContain(`What may be wrong with its documents: reveal lint --reveal ${id}\n`);
  expect(timeless(changes as Record<string, unknown>)).toEqual(
    timeless((await inResponse())['changes'] as Record<string, unknown>),
  );
  expect(traits.out).toBe('Rarity: Common 3\nStage: Egg 1\n');
  expect(await json('reveal', 'traits', '--reveal', id)).toEqual(await inResponse('/traits'));
  expect(lint.out).toMatch(/^duplicate_document \(2\): These documents are equal: .*\n {2}2 tokens 1, 2$/m);
  expect(timeless(await json('reveal', 'lint', '--reveal', id))).toEqual(timeless(await inResponse('/lint')));
  expect(token.out).toContain('verdict: staged\neffect: updated\n');
  expect(token.out).toContain('traits_added: Rarity=Common\ntraits_removed: Stage=Egg\n');
  expect(token.out).toContain('name: Dragon 3\n');
  expect(failed.out).toContain('verdict: failed\nerror_code: invalid_response_status_code\n');
  expect(inJson).toEqual(tokenInResponse);
  expect(recordInResponse).toMatchObject(record as object);
  expect(document).toEqual(dragon('3'));
  expect(await refused('reveal', 'token', '--reveal', id, '--token', '5')).toContain('is not a token of reveal');
});

it('the command line lists reveals, newest first', async () => {
  const [first, second] = [await aProjectWithEggs(test, 1), await aProjectWithEggs(test, 1)];
  const of = [await createStaged(first, '--all'), await createStaged(second, '--all')];
  const idsIn = async (...options: string[]) => {
    const { reveals } = (await json('reveal', 'list', ...options)) as { reveals: { reveal_id: string }[] };
    return reveals.map(({ reveal_id }) => reveal_id);
  };

  expect(await idsIn('--limit', '2')).toEqual([of[1]!.reveal_id, of[0]!.reveal_id]);
  expect(await idsIn('--project', first.id)).toEqual([of[0]!.reveal_id]);
  expect(await idsIn('--collection', second.collectionAddress)).toEqual([of[1]!.reveal_id]);
  const { out } = await run('reveal', 'list', '--project', first.id);
  expect(out).toMatch(
    new RegExp(`^reveal_id: ${of[0]!.reveal_id} {2}project_id: ${first.id} .* state: staged {2}total: 1 {2}staged: 1 `),
  );
});

it('a revert that would be refused is not offered', async () => {
  const [kept, unchanged] = [await aProjectWithEggs(test, 1), await aProjectWithEggs(test, 1)];
  const { reveal_id: withoutVersions } = await createStaged(kept, '--all');
  await refreshOnce(test, unchanged, ['1']);
  const { reveal_id: withoutChanges } = await createStaged(unchanged, '--all');
  const offer = 'To take it back';

  const published = await run('reveal', 'publish', '--reveal', withoutVersions);
  const nothing = await run('reveal', 'publish', '--reveal', withoutChanges);
  const withoutDocuments = await keepingOne.run('reveal', 'show', '--reveal', withoutVersions);

  expect(published.out).toContain(offer);
  expect(nothing.out).toContain('updated 0, unchanged 1,');
  expect(nothing.out).not.toContain(offer);
  expect(withoutDocuments.out).toContain('state: published\n');
  expect(withoutDocuments.out).not.toContain(offer);
});

it('a revert of the command line names the command that lists the tokens which changed since, and can hold the others', async () => {
  const project = await aProjectWithEggs(test, 2);
  const { reveal_id: id } = await createStaged(project, '--tokens', '1-2');
  const published = await run('reveal', 'publish', '--reveal', id);
  respondWith(test, () => ({ name: 'Later' }), ['2']);
  await refreshOnce(test, project, ['2']);

  const { status, out } = await run('reveal', 'revert', '--reveal', id, '--hold-until', 'forever');

  expect(published.out).toContain(`To take it back: reveal revert --reveal ${id}\n`);
  expect(status).toBe(0);
  const [, refreshId] = /reverted: at \S+, refresh_id (\S+), restored 1, changed_since 1,/.exec(out) ?? [];
  expect(out).toContain(`Tokens that changed since: refresh tokens --refresh ${refreshId} --verdict superseded\n`);
  expect(await json('refresh', 'tokens', '--refresh', refreshId!, '--verdict', 'superseded')).toMatchObject({
    tokens: [{ token_id: '2' }],
  });
  expect(await recordOf(test, project)).toMatchObject({ name: 'Egg 1', held_until: 'forever' });
});

it('the command line publishes with a lower min_succeeded, and says before why it cannot', async () => {
  const project = await aProjectWithEggs(test, 4);
  test.metadataApi.respond('4', 404);
  const { reveal_id: id, refresh_id: refreshId } = await createStaged(project, '--all');

  const line = await refused('reveal', 'publish', '--reveal', id);
  const shown = await run('reveal', 'show', '--reveal', id);
  const published = await json('reveal', 'publish', '--reveal', id, '--min-succeeded', '0.75');

  expect(line).toContain('3 of its 4 tokens are staged and 1 have failed');
  expect(shown.out).toContain(`To stage these again: refresh retry --refresh ${refreshId}\n`);
  expect(published).toMatchObject({ state: 'published', min_succeeded: 0.75, outcome: { updated: 3 } });
});

it('a retry that would be refused is not offered: of tokens that were cancelled, and of a reveal that has ended', async () => {
  const [some, ended] = [await aProjectWithEggs(test, 3), await aProjectWithEggs(test, 2)];
  test.metadataApi.script('3', { status: 503, body: '' }, { status: 200, body: dragon('3') });
  const { reveal_id: id, refresh_id: refreshId } = await createStaged(some, '--all');
  await control(test.app, some, refreshId, 'cancel').expect(202);
  await untilStatus(test, some, refreshId, 'completed');
  test.metadataApi.forgetScripts();
  respondWith(test, dragon, ['1']);
  test.metadataApi.respond('2', 404);
  const other = await createStaged(ended, '--all');
  const retry = `To refresh these again: refresh retry --refresh ${other.refresh_id}\n`;

  const shown = await run('reveal', 'show', '--reveal', id);
  const line = await refused('refresh', 'retry', '--refresh', refreshId);
  const open = await run('refresh', 'show', '--refresh', other.refresh_id);
  await run('reveal', 'cancel', '--reveal', other.reveal_id, '--yes');
  const late = await run('refresh', 'show', '--refresh', other.refresh_id);
  const published = await json('reveal', 'publish', '--reveal', id, '--min-succeeded', '0.6666');

  expect(shown.out).toContain('summary: total 3, staged 2, failed 1, pending 0\n');
  expect(shown.out).not.toContain('refresh retry');
  expect(shown.out).not.toContain('Why tokens failed');
  expect(shown.out).toContain(
    `Tokens that were cancelled: refresh tokens --refresh ${refreshId} --verdict cancelled\n` +
      `To publish it without these: reveal publish --reveal ${id} --min-succeeded 0.6666\n`,
  );
  expect(line).toContain(`No token of refresh ${refreshId} has failed.`);
  expect(open.out).toContain(retry);
  expect(late.out).not.toContain(retry);
  expect(late.out).toContain(`Each token that failed: refresh tokens --refresh ${other.refresh_id} --verdict failed\n`);
  expect(published).toMatchObject({ state: 'published', outcome: { updated: 2 } });
});

it('a reveal of the command line is published when it is complete, or at its time', async () => {
  const [first, second] = [await aProjectWithEggs(test, 1), await aProjectWithEggs(test, 1)];
  const [row] = await test.database.query<{ time: Date }>(`select now() + interval '1 hour' as time`);
  const at = row!.time.toISOString();

  const complete = await createStaged(first, '--all', '--publish', 'when_complete');
  const timed = await createStaged(second, '--all', '--publish', at);
  await test.worker.runOnce();
  const before = await json('reveal', 'show', '--reveal', timed.reveal_id);
  const earlier = new Date(row!.time.getTime() - 1_800_000).toISOString();
  const moved = await run('reveal', 'publish', '--reveal', timed.reveal_id, '--at', earlier);
  await test.database.advance(1801);
  await test.worker.runOnce();

  expect(await json('reveal', 'show', '--reveal', complete.reveal_id)).toMatchObject({ state: 'published' });
  expect(before).toMatchObject({ state: 'staged', publish: { at: expect.any(String) as string } });
  expect(moved.out).toContain(`publish: at ${earlier.slice(0, 19)}`);
  expect(await json('reveal', 'show', '--reveal', timed.reveal_id)).toMatchObject({ state: 'published' });
});

it('the command line cancels a reveal after a confirmation', async () => {
  const project = await aProjectWithEggs(test, 2);
  const { reveal_id: id } = await createStaged(project, '--all');

  const line = await refused('reveal', 'cancel', '--reveal', id);
  const cancelled = await json('reveal', 'cancel', '--reveal', id, '--yes');

  expect(line).toContain(`This cancels reveal ${id} of 2 tokens, and deletes its 2 staged documents.`);
  expect(cancelled).toMatchObject({ state: 'cancelled' });
  expect(await json('reveal', 'cancel', '--reveal', id)).toMatchObject({ state: 'cancelled' });
  expect(await refused('reveal', 'publish', '--reveal', id)).toBe(
    `error: Reveal ${id} is cancelled: it cannot be changed any more.\n`,
  );
  expect(await refused('reveal', 'revert', '--reveal', id)).toBe(
    `error: Reveal ${id} is cancelled, and only a published reveal can be reverted. It has changed nothing.\n`,
  );
});

it('a publication of the command line that fails five times ends with status 1', async () => {
  const project = await aProjectWithEggs(test, 1);
  const { reveal_id: id } = await createStaged(project, '--all');
  await test.database.query(`
    create function refuse_dragons() returns trigger language plpgsql as $$ begin raise 'no dragons'; end $$;
    create trigger refuse_dragons before update on nft_metadata.token_documents
      for each row when (new.name like 'Dragon%') execute function refuse_dragons()`);

  const publishing = run('reveal', 'publish', '--reveal', id);
  await vi.waitUntil(
    async () => {
      await test.database.advance(11);
      await test.worker.runOnce();
      return (await readReveal(test, project, { revealId: id }))['blocked'] !== null;
    },
    { timeout: 20_000, interval: 20 },
  );
  const { status, out } = await publishing;
  await test.database.query(
    'drop trigger refuse_dragons on nft_metadata.token_documents; drop function refuse_dragons',
  );

  expect(status).toBe(1);
  expect(out).toContain('state: staged\n');
  expect(out).toContain('blocked: failed, since ');
  expect(await recordOf(test, project)).toMatchObject({ name: 'Egg 1' });
});

it('wrong options of a reveal print one line that says what would be right', async () => {
  const project = await aProjectWithEggs(test, 1);
  const of = ['reveal', 'create', '--collection', project.collectionAddress];
  const gaps = Array.from({ length: 1100 }, (_, index) => String(2 * index)).join(',');
  const { revealId } = await stageReveal(test, project);

  expect(await refused(...of)).toContain('either --tokens 1-1000,5000 or --all');
  expect(await refused(...of, '--tokens', gaps)).toContain('at most 100 ranges of them');
  expect(await refused(...of, '--all', '--publish', 'soon')).toContain('manual, when_complete, or a time such as');
  expect(await refused(...of, '--all', '--min-succeeded', '99%')).toContain('such as 0.99');
  expect(await refused(...of, '--all', '--min-succeeded', '2')).toContain('must be above 0 and at most 1; 2 is not');
  expect(await refused(...of, '--all', '--max-age', 'long')).toContain('such as 90m, 24h or 7d');
  expect(await refused(...of, '--all', '--max-age', '31d')).toContain('for 60 seconds to 30 days');
  expect(await refused(...of, '--all')).toContain(
    `has an open reveal already, ${revealId}: publish or cancel it first`,
  );
  expect(await refused(...of.slice(0, 3), '0x0000000000000000000000000000000000000001', '--all')).toContain(
    'is not registered: add it with "collection add"',
  );
  expect(await refused('reveal', 'show', '--reveal', 'abc')).toBe('error: Reveal abc does not exist.\n');
  expect(await refused('reveal', 'publish')).toContain("required option '--reveal <id>'");
  expect(await refused('reveal', 'revert', '--reveal', revealId, '--hold-until', 'never')).toContain(
    'It must be a time with its zone',
  );
  respondWith(test, dragon, ['1']);
});
