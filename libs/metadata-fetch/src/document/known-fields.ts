/**
 * Where what is read of a document may stand, in the order in which it is looked for. Whatever else a document has is in
 * its raw form only.
 */
export const NAME_FIELDS = ['name'];
/** Names that are looked for last: in error answers they say what went wrong. */
export const TITLE_FIELDS = ['title', 'label'];
export const DESCRIPTION_FIELDS = ['description'];
export const IMAGE_FIELDS = [
  'image',
  'image_url',
  'imageUrl',
  'image_uri',
  'imageUri',
  'image_data',
  'svg_image_data',
  'image_content',
  'media_uri',
  'mediaUri',
];
export const ANIMATION_FIELDS = ['animation_url', 'animation', 'animationUrl', 'animation_uri', 'animationUri'];
export const EXTERNAL_FIELDS = ['external_url', 'external_link', 'externalUrl', 'external_uri'];
export const YOUTUBE_FIELDS = ['youtube_url'];
