import type { INestApplication } from '@nestjs/common';
import type request from 'supertest';
import { http, readRefresh } from './project-api.js';
import type { TestApp, TestProject } from './start-app.js';

export type ControlCall = 'cancel' | 'pause' | 'resume' | 'retry';

/** Sends a POST with the API key of the project. */
export function control(
  app: INestApplication,
  project: TestProject,
  refreshId: string,
  call: ControlCall,
  body?: object,
): request.Test {
  const sent = http(app).post(`/v1/metadata-refreshes/${refreshId}/${call}`).set('x-api-key', project.apiKey);
  return body ? sent.send(body) : sent;
}

/** Waits until the refresh has this status. Returns it. */
export async function untilStatus(
  { app }: TestApp,
  project: TestProject,
  refreshId: string,
  status: string,
): Promise<Record<string, unknown>> {
  await vi.waitUntil(async () => (await readRefresh(app, project, refreshId))['status'] === status, {
    timeout: 20_000,
    interval: 50,
  });
  return readRefresh(app, project, refreshId);
}

/** Tokens that are left in the hour of the project. */
export async function remainingTokens({ app }: TestApp, project: TestProject): Promise<number> {
  const { body } = await http(app).get('/v1/limits').set('x-api-key', project.apiKey).expect(200);
  return (body as { tokens_per_hour: { remaining: number } }).tokens_per_hour.remaining;
}

/** The number of chunks of the refresh that are paused, and of all. */
export async function pausedChunks({ database }: TestApp, refreshId: string): Promise<{ paused: number; all: number }> {
  const [row] = await database.query<{ paused: number; all: number }>(
    `select count(*) filter (where is_paused)::int as paused, count(*)::int as "all"
     from nft_metadata.refresh_chunks where refresh_id = $1`,
    [refreshId],
  );
  return row!;
}
