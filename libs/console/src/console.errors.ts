/** A request that the console refuses, as its page is told. */
export class Refused extends Error {
  override readonly name = 'Refused';

  constructor(
    readonly status: 400 | 401 | 403 | 404 | 409 | 429 | 503,
    readonly code: string,
    message: string,
    readonly headers: Readonly<Record<string, string>> = {},
  ) {
    super(message);
  }
}

export const NOT_OUR_PAGE = 'Only pages of the console may send this request.';

/** The same for what another project has and for what nobody has. */
export const notFound = () => new Refused(404, 'not_found', 'This is not there, or it is not yours.');

export const notSignedIn = () =>
  new Refused(401, 'not_signed_in', 'Sign in first: nobody is signed in, or the session has ended.');

/** The same whatever was wrong. */
export const wrongCredentials = () =>
  new Refused(401, 'wrong_credentials', 'This does not let you in: it is mistyped, unknown, expired or revoked.');
