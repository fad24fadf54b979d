import { CREDENTIAL_KINDS, type CredentialKind } from '@app/project-auth';
import { z } from 'zod';

/** A base path of controllers, without slashes around it. */
export const basePathSchema = z
  .string()
  .regex(/^[a-z0-9/_-]*$/i, { error: 'must be a path of letters, digits, "-", "_" and "/", such as "v1"' })
  .transform((path) => path.split('/').filter(Boolean).join('/'));

/** Of the option `<dialect>Authentication`. */
export const acceptedCredentialsSchema = (standard: CredentialKind[]) =>
  z.array(z.enum(CREDENTIAL_KINDS)).min(1, { error: 'must name at least one way to authenticate' }).default(standard);

/** The credentials that a dialect accepts, by its option `<dialect>Authentication`. */
export function acceptedBy(dialect: string, config: object): readonly CredentialKind[] {
  const accepted = findAcceptedBy(dialect, config);
  if (!accepted) throw new Error(`authenticatedBy("${dialect}") needs the option ${dialect}Authentication.`);
  return accepted;
}

/** undefined for a name without such an option. */
export function findAcceptedBy(dialect: string, config: object): readonly CredentialKind[] | undefined {
  return (config as Record<string, readonly CredentialKind[] | undefined>)[`${dialect}Authentication`];
}
