export { ProjectAuthModule } from './project-auth.module.js';
export type { ProjectAuthOptions } from './project-auth.options.js';
export { Projects } from './projects.js';
export type { NewProject } from './projects.js';
export { ProjectDirectory } from './project-directory.js';
export type { CallingProject } from './project-directory.js';
export { Clock, SystemClock } from './clock.js';
export { ApiKeyGuard } from './api-key.guard.js';
export { WalletSignatureGuard } from './wallet-signature.guard.js';
export { SignatureOrApiKeyGuard } from './signature-or-api-key.guard.js';
export { parseAddress } from './ethereum-address.js';
export { CurrentProject } from './current-project.decorator.js';
export {
  ApiKeyNotFound,
  InvalidProject,
  NotAuthenticated,
  OwnerAlreadyHasProject,
  ProjectNotFound,
} from './project-auth.errors.js';
export type { AuthenticationRefusal } from './project-auth.errors.js';
export { projectAuthMigrations } from './migrations/index.js';
