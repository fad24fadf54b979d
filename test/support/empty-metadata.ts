import type { TokenMetadata } from '@app/token-store';

/** The normalised fields of an empty document, without name, attributes, raw document and hash. */
export const emptyMetadata = {
  description: null,
  imageUrl: null,
  imageOriginal: null,
  animationUrl: null,
  animationOriginal: null,
  externalUrl: null,
  youtubeUrl: null,
  backgroundColor: null,
  decimals: null,
  localization: null,
  warnings: [],
} satisfies Partial<TokenMetadata>;
