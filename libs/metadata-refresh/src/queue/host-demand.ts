/** How many tokens a claim may take for a metadata host. */
export interface HostDemand {
  host: string;
  tokens: number;
  /** Enough other tokens are buffered: claim only interactive requests, which do not wait behind those. */
  onlyInteractive: boolean;
}

/** The minimum of tokens that are claimed ahead for a host, however slow it is; also the first claim of an unknown host. */
export const MIN_PREFETCH = 16;
