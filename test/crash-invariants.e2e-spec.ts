import { CrashTest } from './support/crash-test.js';
import { INVARIANTS } from './support/invariants.js';
import { requestRefresh } from './support/project-api.js';

let test: CrashTest;
beforeAll(async () => {
  test = await CrashTest.start();
});
afterAll(() => test.stop());

/** Each violates an invariant, most of them more than one. */
const VIOLATIONS = [
  // Results, chunks and counters that do not match.
  `update nft_metadata.refresh_results set attempts = 0 where verdict = 'u'`,
  `insert into nft_metadata.refresh_results (refresh_id, token_id, verdict, attempts, finished_at)
   select refresh_id, 1000000, 'u', 1, now() from nft_metadata.refresh_results limit 1`,
  `insert into nft_metadata.refresh_chunks (refresh_id, lane_id, priority, due_at, is_claimed, claim_count, token_ids)
   select refresh_id, (select min(id) from nft_metadata.lanes), 0, now() + seconds * interval '1 second', true, 5, '{9, 8}'
   from (select refresh_id from nft_metadata.refresh_results limit 1) as result, generate_series(20, 21) as seconds`,
  `update nft_metadata.refresh_chunks set claim_count = 4, token_ids = '{9, 8, 7}'`,
  `delete from nft_metadata.refresh_errors`,
  // What no pause, cancellation or refund does.
  `update nft_metadata.refresh_chunks set is_paused = true where id = (select min(id) from nft_metadata.refresh_chunks)`,
  `update nft_metadata.refreshes set cancelled = 1, total = total + 1`,
  `update nft_metadata.refresh_quotas set used = used + 1`,
  `update nft_metadata.refreshes set retry_of = id`,
  `insert into nft_metadata.refresh_attempts (collection_id, token_id, refresh_id, attempt, url, outcome, duration_ms, bytes, attempted_at)
   select collection_id, token_id, refresh_id, attempt, url, outcome, duration_ms, bytes, attempted_at from nft_metadata.refresh_attempts`,
  // A refresh that leaves "completed".
  `update nft_metadata.refreshes set completed_at = created_at - interval '1 second'`,
  `insert into nft_metadata.refreshes
     (id, project_id, collection_id, collection_address, source, total, created_at, paused_at, sweep_due_at)
   select gen_random_uuid(), project_id, collection_id, collection_address, source, 1, now(), now(), due
   from (select * from nft_metadata.refreshes limit 1) as refresh, (values (null), (now() + interval '30 days')) as sweep (due)`,
  `insert into nft_metadata.refresh_chunks (refresh_id, lane_id, priority, due_at, token_ids)
   select id, (select min(id) from nft_metadata.lanes), 0, now(), '{1}' from nft_metadata.refreshes where paused_at is not null`,
  // Records that go back, and a failure that changes a document.
  `update nft_metadata.tokens set metadata_version = metadata_version - 1, fetch_seq = fetch_seq - 1, content_hash = 'other',
     fail_count = fail_count + 1
   where metadata_version > 0`,
  // A document without a version.
  `update nft_metadata.tokens set metadata_version = 0
   where id = (select min(id) from nft_metadata.tokens where metadata_version > 0)`,
  `update nft_metadata.collection_traits set token_count = token_count + 1`,
  `update nft_metadata.token_search set trait_ids = '{}'`,
  `update nft_metadata.token_versions set replaced_raw = '{}'`,
  `insert into nft_metadata.event_outbox (occurred_at, changes, completions, event_count)
   select occurred_at, changes, completions, event_count from nft_metadata.event_outbox`,
];

it('every invariant of the crash tests holds after a refresh, and each is reported when rows violate it', async () => {
  const project = await test.aProject(3);
  test.scriptNumberedResponses(project.tokenIds);
  test.metadataApi.respond(project.tokenIds[0]!, 404);
  const refresh = async () => {
    const id = await requestRefresh(test.app.app, project, project.tokenIds);
    await test.app.worker.runOnce();
    return { refreshId: id, tokenIds: project.tokenIds };
  };
  // Twice, because a record that goes back has a version left.
  const accepted = [await refresh(), await refresh()];
  const { refreshId } = accepted[0]!;
  await test.invariants.expectInvariants(accepted);

  for (const statement of VIOLATIONS) await test.database.query(statement);
  const report = await test.invariants.expectInvariants([{ refreshId, tokenIds: ['77'] }]).then(
    () => '',
    ({ message }: Error) => message,
  );

  expect(INVARIANTS.filter((description) => !report.includes(description))).toEqual([]);
  expect(report).toContain('an accepted refresh has a result for each of its tokens and for no other');
});
