import type { TokenMetadata } from '@app/token-store';

/** Of a document that says nothing, but for its name, its attributes, itself and its hash. */
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
