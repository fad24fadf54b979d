/**
 * What requested a refresh. `api`: its project, through the project API or on the console · `partner_api`: through the collection
 * API with an API key · `cli`: an operator, on the command line · `console`: an operator, on the console · `retry`: the failed
 * tokens of another refresh · `reveal`: a staged reveal · `schedule`: the age of its records · `event`: an event on chain · `push`
 * and `restore`: metadata that was written without a fetch.
 */
export const REFRESH_TRIGGERS = [
  'api',
  'partner_api',
  'cli',
  'console',
  'retry',
  'reveal',
  'schedule',
  'event',
  'push',
  'restore',
] as const;
export type RefreshTrigger = (typeof REFRESH_TRIGGERS)[number];

/** The triggers that a project sees unless it asks for others: events and schedules would flood its list and its webhooks. */
export const REQUESTED_TRIGGERS = ['api', 'partner_api', 'cli', 'console', 'retry'] as const satisfies RefreshTrigger[];

/** The triggers whose refreshes count towards the quota of their project. */
export const CHARGED_TRIGGERS: readonly RefreshTrigger[] = ['api', 'partner_api', 'retry', 'reveal', 'push'];

/**
 * Whether such a refresh counts towards the quota of its project, and has to stay within the project's limits. What the operator or
 * the service itself requests is free.
 */
export function isCharged(trigger: RefreshTrigger): boolean {
  return CHARGED_TRIGGERS.includes(trigger);
}
