import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import { ConsoleSecret } from '@app/project-auth';
import { Inject, Injectable } from '@nestjs/common';
import { CONSOLE_CONFIG, type ConsoleConfig } from '../console.options.js';
import type { SessionKeys as Keys } from './session-token.js';

/** The keys of sessions and challenges, the same in every process. */
@Injectable()
export class SessionKeys {
  private readonly operatorHash: Buffer | null;

  constructor(
    @Inject(CONSOLE_CONFIG) private readonly config: ConsoleConfig,
    private readonly stored: ConsoleSecret,
  ) {
    this.operatorHash = config.operatorSecret === undefined ? null : sha256(config.operatorSecret);
  }

  async read(): Promise<Keys> {
    const secret = await this.secret();
    const operator = createHmac('sha256', secret)
      .update('operator')
      .update(this.operatorHash ?? '');
    return { operator: operator.digest(), partner: derived(secret, 'partner') };
  }

  async challengeKey(): Promise<Buffer> {
    return derived(await this.secret(), 'challenge');
  }

  /** Takes as long for a wrong secret as for a right one. */
  isOperatorSecret(secret: string): boolean {
    const isEqual = timingSafeEqual(sha256(secret), this.operatorHash ?? sha256(''));
    return isEqual && this.operatorHash !== null;
  }

  private async secret(): Promise<Buffer> {
    const { sessionSecret } = this.config;
    return sessionSecret === undefined ? this.stored.read() : Buffer.from(sessionSecret);
  }
}

function sha256(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}

function derived(secret: Buffer, purpose: string): Buffer {
  return createHmac('sha256', secret).update(purpose).digest();
}
