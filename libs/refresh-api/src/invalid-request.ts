/** The request is not of the contract's form; the text names each field and its rule. */
export class InvalidRequest extends Error {
  override readonly name = 'InvalidRequest';
}
