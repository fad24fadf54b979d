/** A document that was pushed has nothing to show. It would blank the record, so the whole push is refused. */
export class EmptyMetadata extends Error {
  override readonly name = 'EmptyMetadata';
  constructor(readonly tokenId: string) {
    super(
      `The metadata of token ${tokenId} has nothing to show: give it a name, a description, an image, an animation, a link or an attribute.`,
    );
  }
}
