/**
 * What a fetch does to metadata that was pushed. `push_wins`: nothing; a token with such metadata is not fetched. `last_wins`: the
 * later one replaces the other.
 */
export const PUSH_POLICIES = ['push_wins', 'last_wins'] as const;
export type PushPolicy = (typeof PUSH_POLICIES)[number];
