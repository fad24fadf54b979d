export { ProjectAuthModule } from './project-auth.module.js';
export type { ProjectAuthExtras } from './project-auth.module.js';
export { projectAuthOptions } from './project-auth.options.js';
export type { ProjectAuthOptions } from './project-auth.options.js';
export { Projects } from './projects.js';
export type { ProjectLimits } from './project-limits.js';
export type { NewProject, ProjectChange, ProjectQuery, ShownApiKey } from './projects.js';
export { ProjectDirectory } from './project-directory.js';
export type { CallingProject, IdentifiedApiKey } from './project-directory.js';
export { Clock, SystemClock } from './clock.js';
export { ConsoleActions } from './console-actions.js';
export type { ConsoleAction, LoggedAction } from './console-actions.js';
export { ConsoleSecret } from './console-secret.js';
export { ContractWallets } from './contract-wallets.js';
export type { ContractSignature, ContractVerdict } from './contract-wallets.js';
export { ApiKeyGuard } from './api-key.guard.js';
export { WalletSignatureGuard } from './wallet-signature.guard.js';
export { CallerAuthentication } from './caller-authentication.js';
export { CREDENTIAL_KINDS } from './credential-kind.js';
export type { CredentialKind } from './credential-kind.js';
export { WalletSignIn } from './wallet-sign-in.js';
export type { SignInPlace } from './wallet-sign-in.js';
export { PostgresThrottlerStorage } from './postgres-throttler-storage.js';
export { RequestRate } from './request-rate.js';
export { ChecksRequestRateWith, RequestCounter, RequestRateGuard } from './request-rate.guard.js';
export type { CountRequest } from './request-rate.guard.js';
export { parseAddress } from './ethereum-address.js';
export { CALLING_PROJECT, CurrentProject, projectOf } from './current-project.decorator.js';
export {
  ApiKeyNotFound,
  InvalidProject,
  NotAuthenticated,
  WalletUnavailable,
  OwnerAlreadyHasProject,
  ProjectNotFound,
  RequestRateExceeded,
} from './project-auth.errors.js';
export type { AuthenticatedRequest } from './current-project.decorator.js';
export type { AuthenticationRefusal } from './project-auth.errors.js';
export { projectAuthMigrations } from './migrations/index.js';
