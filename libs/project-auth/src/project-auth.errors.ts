import { HttpException, HttpStatus, ServiceUnavailableException, UnauthorizedException } from '@nestjs/common';
import type { SignatureRefusal } from './wallet-signature.js';

/** Why a caller is not authenticated. */
export type AuthenticationRefusal =
  SignatureRefusal | 'signature_already_used' | 'credentials_missing' | 'invalid_api_key' | 'credentials_disagree';

/** The caller is not authenticated. Becomes a 401 in any application; the filter of a dialect gives it the shape of the dialect. */
export class NotAuthenticated extends UnauthorizedException {
  constructor(
    readonly reason: AuthenticationRefusal,
    message: string,
  ) {
    super(message);
  }
}

/** Nobody knows whether a contract has signed the request. Becomes a 503 in any application. */
export class WalletUnavailable extends ServiceUnavailableException {
  constructor() {
    super(
      'The contract of x-imx-eth-address could not be asked whether x-imx-eth-signature is its signature: try again.',
    );
  }
}

/** The project exceeds its requests per second. Becomes a 429 in any application; the filter of a dialect gives it the shape of the dialect. */
export class RequestRateExceeded extends HttpException {
  /** An hour for a limit of 0, which does not end by itself. */
  readonly retryAfterSeconds: number;

  constructor(
    /** Requests per second. */
    readonly limit: number,
  ) {
    super(
      limit === 0
        ? 'The project may not make requests: its limit is 0 requests per second.'
        : `The project has used up its ${limit} requests per second.`,
      HttpStatus.TOO_MANY_REQUESTS,
    );
    this.retryAfterSeconds = limit === 0 ? 3600 : 1;
  }
}

/** A value of the project is invalid; the message names it and its rule. */
export class InvalidProject extends Error {
  override readonly name = 'InvalidProject';
}

/** An address owns one project at most, because a signature names only an address. */
export class OwnerAlreadyHasProject extends Error {
  override readonly name = 'OwnerAlreadyHasProject';
  constructor(readonly ownerAddress: string) {
    super(`Address ${ownerAddress} already owns a project; each project needs an owner address of its own.`);
  }
}

/** The project does not exist. */
export class ProjectNotFound extends Error {
  override readonly name = 'ProjectNotFound';
  constructor(readonly projectId: string) {
    super(`Project ${JSON.stringify(projectId)} does not exist.`);
  }
}

/** The project has no active key with this prefix. */
export class ApiKeyNotFound extends Error {
  override readonly name = 'ApiKeyNotFound';
  constructor(readonly prefix: string) {
    super(
      `The project has no active API key with the prefix ${JSON.stringify(prefix)}; the prefix is the part between "nft_" and the next "_".`,
    );
  }
}
