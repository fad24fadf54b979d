import { createHmac, timingSafeEqual } from 'node:crypto';
import { z } from 'zod';

const expiresAt = z.int();
const contentSchema = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('operator'), name: z.string(), expiresAt }),
  /** Looked up with every request, so that a revoked key ends its sessions. */
  z.strictObject({ kind: z.literal('api_key'), keyId: z.string(), expiresAt }),
  /** Accepted only while the address owns the project. */
  z.strictObject({ kind: z.literal('wallet'), projectId: z.string(), ownerAddress: z.string(), expiresAt }),
]);

/** What the cookie says, in plain text: nothing of it is secret. Times are in milliseconds. */
export type SessionContent = z.output<typeof contentSchema>;

/** The keys of the MACs. That of operators depends on their secret: who reads the database cannot make their sessions. */
export interface SessionKeys {
  operator: Buffer;
  partner: Buffer;
}

export function sealSession(content: SessionContent, keys: SessionKeys): string {
  const text = Buffer.from(JSON.stringify(content)).toString('base64url');
  return `${text}.${macOf(text, keyOf(content, keys))}`;
}

/** null: it is not ours, was changed, or has ended. */
export function openSession(token: string, keys: SessionKeys, now: Date): SessionContent | null {
  const [, text, mac] = /^([A-Za-z0-9_-]{1,4000})\.([A-Za-z0-9_-]{43})$/.exec(token) ?? [];
  if (text === undefined || mac === undefined) return null;
  const content = parse(text);
  if (!content || !timingSafeEqual(Buffer.from(mac), Buffer.from(macOf(text, keyOf(content, keys))))) return null;
  return content.expiresAt > now.getTime() ? content : null;
}

function parse(text: string): SessionContent | null {
  try {
    return contentSchema.safeParse(JSON.parse(Buffer.from(text, 'base64url').toString())).data ?? null;
  } catch {
    return null;
  }
}

function keyOf({ kind }: SessionContent, keys: SessionKeys): Buffer {
  return kind === 'operator' ? keys.operator : keys.partner;
}

function macOf(text: string, key: Buffer): string {
  return createHmac('sha256', key).update(text).digest('base64url');
}
