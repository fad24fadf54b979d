import type {
  DetailedRefresh,
  ProjectRefresh,
  QuotaState,
  ReasonTokens,
  RefreshToken as TokenOfRefresh,
  TokenResponse,
} from '@app/metadata-refresh';
import { adviceOfState } from '@app/metadata-refresh';
import { toChangeObject, type TokenName } from '@app/token-store';
import type { z } from 'zod';
import { adviceOn } from '../advice.js';
import type { Refresh, RefreshDetails, RefreshReasons } from '../wire/refresh.schema.js';
import type { RefreshToken } from '../wire/refresh-token.schema.js';
import type { changeSchema, collectionNameSchema, projectNameSchema, quotaSchema } from '../wire/values.schema.js';

export interface RefreshNames {
  projectOf: (id: string) => z.output<typeof projectNameSchema> | null;
  collectionOf: (id: string, address: string) => z.output<typeof collectionNameSchema>;
}

export function toRefresh(refresh: ProjectRefresh, { projectOf, collectionOf }: RefreshNames): Refresh {
  return {
    id: refresh.id,
    project: projectOf(refresh.projectId),
    collection: collectionOf(refresh.collectionId, refresh.collectionAddress),
    state: stateOf(refresh),
    total: refresh.total,
    succeeded: refresh.succeeded,
    failed: refresh.failed,
    cancelled: refresh.cancelled,
    pending: refresh.pending,
    verdicts: { ...refresh.verdicts },
    trigger: refresh.trigger,
    event: refresh.event,
    createdAt: refresh.createdAt,
    completedAt: refresh.completedAt,
    notBefore: refresh.notBefore,
    begunAt: refresh.begunAt,
    pausedAt: refresh.pausedAt,
    cancelledAt: refresh.cancelledAt,
    retryOf: refresh.retryOf,
    cooldown: refresh.cooldown,
  };
}

function stateOf({ status, notBefore, begunAt, pausedAt, cancelledAt }: ProjectRefresh): Refresh['state'] {
  if (cancelledAt !== null) return status === 'completed' ? 'cancelled' : 'cancelling';
  if (status === 'completed') return 'completed';
  if (pausedAt !== null) return 'paused';
  if (notBefore !== null && begunAt === null) return 'scheduled';
  return status === 'queued' ? 'queued' : 'running';
}

/** What the page of a refresh needs beside the refresh. */
export interface RefreshFacts {
  names: RefreshNames;
  /** When its host has asked for the cooldown that it has now. */
  cooldownSince: string | null;
  quota: QuotaState;
  maxAttempts: number;
  host: RefreshDetails['refresh']['host'];
  mayAct: boolean;
}

export function toRefreshDetails(
  refresh: DetailedRefresh,
  { names, cooldownSince, quota, maxAttempts, host, mayAct }: RefreshFacts,
): RefreshDetails['refresh'] {
  const isPending = refresh.status !== 'completed' && refresh.cancelledAt === null;
  return {
    ...toRefresh(refresh, names),
    tryingAgain: Math.min(refresh.tryingAgain, refresh.pending),
    maxAttempts,
    speed: refresh.speed,
    waits: adviceOfState(refresh),
    host,
    quota: toQuota(quota),
    story: toStory(refresh, cooldownSince),
    actions: {
      retry: mayAct && refresh.failed > 0 ? refresh.failed : null,
      cancel: mayAct && isPending,
      pause: mayAct && isPending && refresh.pausedAt === null,
      resume: mayAct && isPending && refresh.pausedAt !== null,
    },
  };
}

export function toQuota({ limit, remaining, resetsAt }: QuotaState): z.output<typeof quotaSchema> {
  const used = limit - remaining;
  return { limit, used, remaining, resetsAt: used > 0 ? resetsAt.toISOString() : null };
}

type Story = RefreshDetails['refresh']['story'];

/** Newest first. */
function toStory(refresh: DetailedRefresh, cooldownSince: string | null): Story {
  const { firstFailure } = refresh;
  const entry = (kind: Story[number]['kind'], at: string | null, more: Partial<Story[number]> = {}): Story =>
    at === null ? [] : [{ at, kind, reason: null, tokenId: null, until: null, ...more }];
  return [
    ...entry('accepted', refresh.createdAt),
    ...entry('begun', refresh.begunAt),
    ...(firstFailure
      ? entry('first_failure', firstFailure.at, { reason: firstFailure.reason, tokenId: firstFailure.tokenId })
      : []),
    ...entry('paused', refresh.pausedAt),
    ...entry('cancelled', refresh.cancelledAt),
    ...entry('completed', refresh.completedAt),
    ...(refresh.cooldown ? entry('cooldown', cooldownSince, { until: refresh.cooldown.until }) : []),
  ].toSorted((one, other) => (one.at < other.at ? 1 : -1));
}

export function toReason({
  errorCode,
  reason,
  count,
  runs,
  hasAllRuns,
  example,
}: ReasonTokens): RefreshReasons['reasons'][number] {
  return { ...adviceOn(errorCode, reason), errorCode, reason, count, runs, hasAllRuns, example };
}

/** What is known of a token beside what became of it in the refresh. */
export interface TokenFacts {
  name: TokenName | undefined;
  response: TokenResponse | undefined;
}

export function toRefreshToken(token: TokenOfRefresh, { name, response }: TokenFacts): RefreshToken {
  const { errorCode, reason } = token;
  return {
    tokenId: token.tokenId,
    name: name?.name ?? null,
    contentHash: name?.contentHash ?? null,
    verdict: token.verdict,
    attempts: token.attempts,
    finishedAt: token.finishedAt,
    metadataVersion: token.metadataVersion,
    change: token.change && toChange(token.change),
    errorCode,
    reason,
    statusCode: token.statusCode,
    metadataUrl: token.metadataUrl,
    title: errorCode !== null && reason !== null ? adviceOn(errorCode, reason).title : null,
    nextAttemptAt: token.nextAttemptAt,
    response: response
      ? {
          outcome: response.outcome,
          statusCode: response.statusCode,
          reason: response.reason,
          durationMs: response.durationMs,
          at: response.at,
        }
      : null,
  };
}

export function toChange(change: Parameters<typeof toChangeObject>[0]): z.output<typeof changeSchema> {
  const { changed_fields, traits_added, traits_removed, has_all_traits } = toChangeObject(change);
  const toTrait = ({ trait_type, value }: { trait_type: string; value: string }) => ({ traitType: trait_type, value });
  return {
    changedFields: changed_fields,
    traitsAdded: traits_added.map(toTrait),
    traitsRemoved: traits_removed.map(toTrait),
    hasAllTraits: has_all_traits,
  };
}
