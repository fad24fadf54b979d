/**
 * The fields in which each value is searched, in order. Other fields of a document are only in `raw`.
 */
export const NAME_FIELDS = ['name'];
/** Fields for a name that are tried last: in error responses they describe the error. */
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
