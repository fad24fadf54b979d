import type { INestApplication } from '@nestjs/common';
import type request from 'supertest';
import { http, signedHeaders } from './project-api.js';
import type { TestApp, TestProject } from './start-app.js';

interface ValidatedToken extends Record<string, unknown> {
  token_id: string;
  verdict: string;
  requests: { url: string; redirects: string[]; status_code: number | null; bytes: number; duration_ms: number }[];
  warnings: { code: string; message: string }[];
  record: Record<string, unknown> | null;
}

export interface ValidationBody extends Record<string, unknown> {
  verdicts: Record<string, number>;
  cooldown: { host: string; until: string } | null;
  tokens: ValidatedToken[];
}

/** Sends the request with the project's API key, or with its signature. */
export async function postValidation(
  app: INestApplication,
  project: TestProject,
  tokenIds: readonly string[],
  { signed = false } = {},
): Promise<request.Response> {
  const credentials = signed ? await signedHeaders(project) : { 'x-api-key': project.apiKey };
  return http(app)
    .post('/v1/metadata-refreshes/validate')
    .set(credentials)
    .send({ collection_address: project.collectionAddress, token_ids: tokenIds });
}

/** Expects success. Returns the body. */
export async function validate(
  { app }: TestApp,
  project: TestProject,
  tokenIds: readonly string[],
): Promise<ValidationBody> {
  const response = await postValidation(app, project, tokenIds);
  expect({ status: response.status, error: response.status === 200 ? '' : response.text }).toEqual({
    status: 200,
    error: '',
  });
  return response.body as ValidationBody;
}

/** Tables that a validation may write: the limits of the project, the use of its credentials, and the use of its metadata host. */
const WRITTEN = ['refresh_quotas', 'request_windows', 'used_signatures', 'api_keys', 'metadata_hosts', 'host_workers'];
/** What the console adds. */
const WRITTEN_BY_CONSOLE = ['console_actions', 'console_secret'];

/** All rows of all other tables. */
export async function readStoredRows({ database }: TestApp): Promise<Record<string, unknown[]>> {
  const tables = await database.query<{ name: string }>(
    `select table_name as name from information_schema.tables
     where table_schema = 'nft_metadata' and table_name <> all($1) order by 1`,
    [[...WRITTEN, ...WRITTEN_BY_CONSOLE]],
  );
  expect(tables.length).toBeGreaterThan(15);
  const rows = tables.map(async ({ name }) => {
    const found = await database.query(`select to_jsonb(stored) as row from nft_metadata.${name} as stored order by 1`);
    return [name, found] as const;
  });
  return Object.fromEntries(await Promise.all(rows));
}
