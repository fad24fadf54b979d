import { createHash } from 'node:crypto';
import { ProjectDirectory, type CallingProject } from '@app/project-auth';
import { Inject, Injectable, Optional } from '@nestjs/common';
import { ConsoleIdentity, type IdentifiedPerson } from '../console-identity.js';
import { CONSOLE_CONFIG, type ConsoleConfig } from '../console.options.js';
import type { HttpRequest } from '../http.js';
import type { Person } from '../person.js';
import { tokenIn } from './cookie.js';
import { SessionKeys } from './session-keys.js';
import { openSession, type SessionContent } from './session-token.js';

/** Finds out who sends a request: by the host application, if it identifies people, else by the console's own session. */
@Injectable()
export class People {
  constructor(
    @Inject(CONSOLE_CONFIG) private readonly config: ConsoleConfig,
    private readonly keys: SessionKeys,
    private readonly projects: ProjectDirectory,
    @Optional() private readonly identity?: ConsoleIdentity,
  ) {}

  /** Whether the host application identifies people. */
  get areIdentifiedByHost(): boolean {
    return this.identity !== undefined;
  }

  /** null: no person, or one who is no longer known. */
  async find(request: HttpRequest): Promise<Person | null> {
    if (this.identity) {
      const identified = await this.identity.who(request);
      return identified && this.toPerson(identified);
    }
    const token = tokenIn(request);
    const session = token === undefined ? null : openSession(token, await this.keys.read(), new Date());
    return session && this.ofSession(session, token!);
  }

  private async toPerson(identified: IdentifiedPerson): Promise<Person | null> {
    const shared = { mayAct: this.config.mayAct && (identified.mayAct ?? true), expiresAt: null };
    if (identified.kind === 'operator') {
      const { name } = identified;
      return { ...shared, kind: 'operator', name, sessionKey: `operator ${name}` };
    }
    const project = await this.projects.findById(identified.projectId);
    const sessionKey = `partner ${identified.projectId} ${identified.name ?? ''}`;
    return project && { ...shared, kind: 'partner', name: identified.name ?? project.name, project, sessionKey };
  }

  /** null: its project or key is gone, the project has another owner, or there are no operators. */
  async ofSession(session: SessionContent, token: string): Promise<Person | null> {
    const shared = {
      mayAct: this.config.mayAct,
      expiresAt: new Date(session.expiresAt),
      sessionKey: createHash('sha256').update(token).digest('base64url'),
    };
    if (session.kind === 'operator') {
      // Without their secret, the key of their sessions is derived from what the database has.
      if (this.config.operatorSecret === undefined) return null;
      return { ...shared, kind: 'operator', name: session.name };
    }
    const project = await this.projectOf(session);
    return project && { ...shared, kind: 'partner', name: project.name, project };
  }

  private async projectOf(session: Exclude<SessionContent, { kind: 'operator' }>): Promise<CallingProject | null> {
    const { partners } = this.config;
    switch (session.kind) {
      case 'api_key':
        return partners.includes('api-key') ? this.projects.findByApiKeyId(session.keyId) : null;
      case 'wallet': {
        if (!partners.includes('wallet')) return null;
        const project = await this.projects.findById(session.projectId);
        return project?.ownerAddress === session.ownerAddress ? project : null;
      }
    }
  }
}
