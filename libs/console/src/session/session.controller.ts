import { BoundedReads } from '@app/metadata-refresh';
import { ProjectDirectory, WalletSignIn } from '@app/project-auth';
import { Body, Controller, Delete, Get, Inject, Post, Req, Res, UseFilters, UseGuards } from '@nestjs/common';
import { ApiExcludeController } from '@nestjs/swagger';
import { ConsoleFilter } from '../console.filter.js';
import { CONSOLE_CONFIG, type ConsoleConfig } from '../console.options.js';
import { notFound, notSignedIn, Refused, wrongCredentials } from '../console.errors.js';
import type { HttpRequest, HttpResponse } from '../http.js';
import { Pages } from '../pages.js';
import { Responder } from '../responder.js';
import { WebFiles } from '../shell/web-files.js';
import {
  challengeRequestSchema,
  signInSchema,
  type Challenge,
  type Session,
  type SignIn,
} from '../wire/session.schema.js';
import { ApiLink } from './api-link.js';
import { expiredCookie, sessionCookie } from './cookie.js';
import { OwnPage } from './own-page.js';
import { People } from './people.js';
import { SessionKeys } from './session-keys.js';
import { sealSession, type SessionContent } from './session-token.js';
import { toSession, type SessionFacts } from './session.presenter.js';
import { SignInLimit } from './sign-in-limit.js';

const HOUR_MS = 3_600_000;
const DEFAULT_OPERATOR_NAME = 'Operator';

/** Signing in and out. */
@ApiExcludeController()
@Controller()
@UseFilters(ConsoleFilter)
@UseGuards(OwnPage)
export class SessionController {
  constructor(
    @Inject(CONSOLE_CONFIG) private readonly config: ConsoleConfig,
    private readonly people: People,
    private readonly keys: SessionKeys,
    private readonly limit: SignInLimit,
    private readonly projects: ProjectDirectory,
    private readonly wallets: WalletSignIn,
    private readonly ownPage: OwnPage,
    private readonly reads: BoundedReads,
    private readonly pages: Pages,
    private readonly api: ApiLink,
    private readonly files: WebFiles,
    private readonly responder: Responder,
  ) {}

  @Get()
  async read(@Req() request: HttpRequest, @Res() response: HttpResponse): Promise<void> {
    const person = await this.people.find(request);
    // Nobody can sign in here: the page tells that the application has to be asked.
    if (!person && this.people.areIdentifiedByHost) throw notSignedIn();
    this.responder.send(
      request,
      response,
      await this.reads.run(async (now) => toSession(person, now, this.factsFor(request))),
    );
  }

  @Post()
  async signIn(@Req() request: HttpRequest, @Body() body: unknown, @Res() response: HttpResponse): Promise<void> {
    this.refuseIfIdentified();
    const wanted = signInSchema.parse(body);
    const content = await this.limit.attempt(request.ip ?? '', () => this.contentFor(wanted, request));
    if (!content) throw wrongCredentials();
    const token = sealSession(content, await this.keys.read());
    this.responder.setCookie(response, sessionCookie(request, token));
    const person = await this.people.ofSession(content, token);
    this.responder.send(
      request,
      response,
      await this.reads.run(async (now) => toSession(person, now, this.factsFor(request))),
    );
  }

  @Delete()
  async signOut(@Req() request: HttpRequest, @Res() response: HttpResponse): Promise<void> {
    this.refuseIfIdentified();
    this.responder.setCookie(response, expiredCookie(request));
    this.responder.send(
      request,
      response,
      await this.reads.run(async (now) => toSession(null, now, this.factsFor(request))),
    );
  }

  @Post('challenge')
  async challenge(@Req() request: HttpRequest, @Body() body: unknown, @Res() response: HttpResponse): Promise<void> {
    this.refuseIfIdentified();
    if (!this.config.partners.includes('wallet')) throw notFound();
    const { address } = challengeRequestSchema.parse(body);
    const made = this.wallets.challenge(address, this.ownPage.originOf(request), await this.keys.challengeKey());
    if (!made)
      throw new Refused(
        400,
        'invalid_request',
        'This is not an address: 0x and 40 hex digits, with a valid checksum if in mixed case.',
      );
    const { text, expiresAt } = made;
    const challenge = await this.reads.run(async (now): Promise<Challenge> => ({
      now: now.toISOString(),
      text,
      expiresAt: expiresAt.toISOString(),
    }));
    this.responder.send(request, response, challenge);
  }

  private factsFor(request: HttpRequest): SessionFacts {
    return {
      config: this.config,
      hasPage: (page: Session['pages'][number]) => this.pages.has(page),
      signsIn: !this.people.areIdentifiedByHost,
      build: this.files.build,
      version: this.files.version,
      api: this.api.from(request),
    };
  }

  private refuseIfIdentified(): void {
    if (this.people.areIdentifiedByHost) throw notFound();
  }

  /** null: the same for all that is wrong. */
  private async contentFor(wanted: SignIn, request: HttpRequest): Promise<SessionContent | null> {
    const { partners, sessionHours } = this.config;
    const expiresAt = Date.now() + sessionHours * HOUR_MS;
    switch (wanted.kind) {
      case 'operator_secret': {
        const name = wanted.name?.trim() || DEFAULT_OPERATOR_NAME;
        return this.keys.isOperatorSecret(wanted.secret) ? { kind: 'operator', name, expiresAt } : null;
      }
      case 'api_key': {
        const key = wanted.apiKey.trim();
        if (!partners.includes('api-key') || !this.projects.isApiKey(key)) return null;
        const identified = await this.projects.identifyApiKey(key);
        return identified && { kind: 'api_key', keyId: identified.keyId, expiresAt };
      }
      case 'wallet': {
        if (!partners.includes('wallet')) return null;
        const place = this.ownPage.originOf(request);
        const key = await this.keys.challengeKey();
        const project = await this.wallets.signIn(wanted.text, wanted.signature.trim(), place, key);
        return project && { kind: 'wallet', projectId: project.id, ownerAddress: project.ownerAddress, expiresAt };
      }
    }
  }
}
