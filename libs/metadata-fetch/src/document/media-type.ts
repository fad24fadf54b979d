/** The media type of a Content-Type header, lower case, without parameters; '' without one. */
export function mediaTypeOf(contentType: string | null): string {
  return contentType === null ? '' : contentType.split(';', 1)[0]!.trim().toLowerCase();
}

export function isMediaType(mediaType: string): boolean {
  return /^(?:image|video|audio|model)\/[\w.+-]+$/.test(mediaType);
}

/** The declared type is more precise than the signature. Trust it unless only one of the two is an image. */
export function moreTrusted(declared: string, signature: string): string {
  return isMediaType(declared) && isImage(declared) === isImage(signature) ? declared : signature;
}

function isImage(mediaType: string): boolean {
  return mediaType.startsWith('image/');
}

/** Detects the media type by its signature. Only formats that cannot be the start of a JSON text. */
export function mediaTypeOfBytes(body: Uint8Array): string | null {
  const head = Buffer.from(body.buffer, body.byteOffset, Math.min(body.byteLength, 16)).toString('latin1');
  return SIGNATURES.find(([, signature]) => signature.test(head))?.[0] ?? null;
}

const SIGNATURES: [string, RegExp][] = [
  ['image/png', /^\x89PNG\r\n/],
  ['image/jpeg', /^\xff\xd8\xff/],
  ['image/gif', /^GIF8[79]a/],
  ['image/webp', /^RIFF....WEBP/s],
  ['image/avif', /^....ftypavi[fs]/s],
  ['image/heic', /^....ftyp(?:hei[cmsx]|hev[cmsx]|mif1|msf1)/s],
  ['video/quicktime', /^....ftypqt {2}/s],
  ['audio/mp4', /^....ftypM4A/s],
  ['video/mp4', /^....ftyp/s],
  ['video/webm', /^.E\xdf\xa3/s],
  ['audio/mpeg', /^(?:ID3|\xff[\xfb\xf3\xf2])/],
  ['audio/wav', /^RIFF....WAVE/s],
  ['audio/flac', /^fLaC/],
  ['audio/ogg', /^OggS/],
  ['model/gltf-binary', /^glTF/],
];

/** Whether the body is still compressed: some servers compress twice and declare it once. */
export function isCompressed(body: Uint8Array): boolean {
  const [first, second, third, fourth] = [body[0], body[1], body[2], body[3]];
  return (
    (first === 0x1f && second === 0x8b) || (first === 0x28 && second === 0xb5 && third === 0x2f && fourth === 0xfd)
  );
}
