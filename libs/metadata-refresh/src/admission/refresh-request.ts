import type { EntityManager } from '@mikro-orm/postgresql';
import type { TokenSelection } from '@app/token-store';
import type { Idempotency } from './idempotency.js';
import type { QuotaState } from '../metadata-refresh.errors.js';
import type { EventTriggerDetail } from '../refresh-event.js';
import type { RefreshTrigger } from '../refresh-trigger.js';

/** The tokens to refresh: a list of ids, or a selection of registered tokens. */
export type WantedTokens =
  | {
      /** Decimal uint256; given twice, it is one token. */
      tokenIds: readonly string[];
      selection?: undefined;
    }
  | {
      /** The tokens are those that are registered and selected when the refresh is accepted. */
      selection: TokenSelection;
      tokenIds?: undefined;
    };

/** When the tokens are refreshed. */
export interface RefreshTiming {
  /** The time at which the refresh begins, at most 30 days ahead. Absent, or less than a minute ago: now. */
  notBefore?: Date | undefined;
  /** `low`: when no other refresh of the project waits for the same metadata host. Absent: by the number of tokens. */
  priority?: 'low' | undefined;
}

/** What else is said of a request. */
export interface RequestConditions extends RefreshTiming {
  /**
   * What requests it; `api` when absent. The limits of the project hold for `api`, `partner_api`, `retry`, `reveal` and `push`; all
   * others are free.
   */
  trigger?: RefreshTrigger;
  /**
   * What ids mean that are not registered. `fail` (the default): the refresh is accepted, and these tokens fail in it at
   * once; in a scheduled one, when they are processed. `reject`: nothing is accepted.
   */
  unknownTokens?: 'fail' | 'reject';
  /** The same key and body get the receipt of the first request, before any limit is checked. */
  idempotency?: Idempotency | undefined;
  /** A first condition, before anything else is checked: what it throws refuses the refresh. */
  precheck?: () => Promise<void>;
  /** A last condition, inside the transaction that accepts: what it throws refuses the refresh, and undoes what it did. */
  admit?: (em: EntityManager) => Promise<void>;
}

/** A request to refresh tokens of one collection. */
export type RefreshRequest = WantedTokens &
  RequestConditions & {
    collectionAddress: string;
    /** Absent: the address has to be registered on one chain only. */
    chainId?: number;
  };

/** A refresh that the service itself requests, such as after an event on chain. No limit of the project holds for it. */
export type CollectionRefreshRequest = WantedTokens &
  RefreshTiming &
  Pick<RequestConditions, 'admit'> & {
    trigger: Exclude<RefreshTrigger, 'api' | 'partner_api' | 'retry'>;
    /** What caused it, for the trigger `event`. */
    triggerDetail?: EventTriggerDetail;
  };

/** The promise that a 202 carries. */
export interface Receipt {
  refreshId: string;
  quota: QuotaState;
  /** The receipt of an earlier request with the same idempotency key. */
  isReplayed: boolean;
}

/** What a refresh would take. */
export interface RefreshEstimate {
  /** Tokens of the refresh, with the unknown ids of a list. */
  tokens: number;
  /** Tokens that would count towards the quota. */
  charged: number;
  /** Before anything is charged. */
  quota: QuotaState;
  /** Until all tokens are processed, from when it begins; null: unknown, because no attempt of the collection is known. */
  expectedSeconds: number | null;
  /** The limit that would refuse it now. */
  exceeds: 'tokensPerRequest' | 'tokensPerSelection' | 'tokensPerHour' | null;
}
