import type { TokenRecord } from '@app/token-store';
import { DISPLAY_TYPES } from './pushed-items.schema.js';

/** What a token shows, in the spelling of the format. */
export function toShownMetadata(token: TokenRecord) {
  return {
    name: token.name,
    description: token.description,
    image: token.imageOriginal ?? token.imageUrl,
    external_url: token.externalUrl,
    animation_url: token.animationOriginal ?? token.animationUrl,
    youtube_url: token.youtubeUrl,
    attributes: token.attributes.map(({ traitType, value, displayType }) => ({
      trait_type: traitType,
      value,
      display_type: DISPLAY_TYPES.find((type) => type === displayType) ?? null,
    })),
  };
}
