/** Who can do something about it. */
export type Owner = 'metadata_api' | 'contract' | 'request' | 'service';

/** What the pages add to the sentences that come with a reason. */
export interface Advice {
  owner: Owner;
  /** Whether the same request may succeed later without anybody doing anything. */
  retryHelps: boolean;
}

const SERVER: Advice = { owner: 'metadata_api', retryHelps: false };
const BUSY_SERVER: Advice = { owner: 'metadata_api', retryHelps: true };
const CONTRACT: Advice = { owner: 'contract', retryHelps: false };
const REQUEST: Advice = { owner: 'request', retryHelps: false };
const SERVICE: Advice = { owner: 'service', retryHelps: true };
const SERVICE_BUG: Advice = { owner: 'service', retryHelps: false };

/** All reasons; a unit spec fails for a new one that is not here. */
const ADVICE = {
  timeout: BUSY_SERVER,
  dns: SERVER,
  connection_refused: BUSY_SERVER,
  connection_reset: BUSY_SERVER,
  tls: SERVER,
  connection: BUSY_SERVER,
  blocked_address: SERVER,
  blocked_port: SERVER,
  too_many_redirects: SERVER,
  incomplete_body: BUSY_SERVER,
  too_large: SERVER,
  invalid_uri: SERVER,
  unsupported_scheme: SERVER,
  busy: SERVICE,
  no_uri: CONTRACT,
  no_contract: CONTRACT,
  contract_reverted: CONTRACT,
  rpc_error: SERVICE,
  worker_lost: SERVICE,
  empty_body: SERVER,
  invalid_json: SERVER,
  not_json: SERVER,
  wrong_type: SERVER,
  too_deep: SERVER,
  empty_metadata: SERVER,
  no_known_fields: SERVER,
  media_instead_of_document: SERVER,
  invalid_data_uri: CONTRACT,
  invalid_encoding: SERVER,
  invalid_token_uri: CONTRACT,
  internal_error: SERVICE,
  not_storable: SERVICE_BUG,
  not_registered: REQUEST,
} satisfies Record<string, Advice>;

/** Statuses that mean "later". */
const TEMPORARY_STATUSES = ['202', '408', '425', '429', '500', '502', '503', '504'];

/** A reason of a newer version is unknown: nothing is claimed about it. */
export function adviceFor(reason: string): Advice | null {
  const [, status] = /^status_(\d{3})$/.exec(reason) ?? [];
  if (status !== undefined) return TEMPORARY_STATUSES.includes(status) ? BUSY_SERVER : SERVER;
  return Object.hasOwn(ADVICE, reason) ? ADVICE[reason as keyof typeof ADVICE] : null;
}

export const OWNERS: Record<Owner, string> = {
  metadata_api: 'the Metadata API',
  contract: 'the contract',
  request: 'the request',
  service: 'this service',
};

/** What the sentence of the reason leaves open. */
export function retrySentence(reason: string): string {
  const advice = adviceFor(reason);
  if (advice === null) return '';
  return advice.retryHelps ? 'Retrying is likely to help.' : '';
}
