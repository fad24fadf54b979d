import { BoundedReads, Reveals, type Reveal, type RevealReference } from '@app/metadata-refresh';
import { Injectable } from '@nestjs/common';
import { formatCursor } from '../cursor.js';
import { RefreshViews } from '../refreshes/refresh-views.js';
import { ownProjectId, type Person } from '../person.js';
import type { RevealChanges, RevealDetails, RevealList } from '../wire/reveal.schema.js';
import { actionsOn, toChanges, toFindings, toReveal } from './reveals.presenter.js';

const LIST_SIZE = 50;

/** What pages about reveals show. */
@Injectable()
export class RevealViews {
  constructor(
    private readonly reads: BoundedReads,
    private readonly reveals: Reveals,
    private readonly refreshes: RefreshViews,
  ) {}

  list(person: Person, after: { createdAt: string; id: string } | undefined): Promise<RevealList> {
    return this.reads.run(async (now) => {
      const { rows, hasMore } = await this.reveals.list({ limit: LIST_SIZE, projectId: ownProjectId(person), after });
      const names = await this.refreshes.namesOf(person, rows);
      const last = hasMore ? rows.at(-1) : undefined;
      return {
        now: now.toISOString(),
        rows: rows.map((reveal) => toReveal(reveal, names)),
        next: last ? formatCursor({ createdAt: last.createdAt, id: last.id }) : null,
      };
    });
  }

  details(person: Person, revealId: string): Promise<RevealDetails> {
    return this.reads.run(async (now) => {
      const reveal = await this.get(person, revealId);
      const names = await this.refreshes.namesOf(person, [reveal]);
      return {
        now: now.toISOString(),
        reveal: { ...toReveal(reveal, names), actions: actionsOn(reveal, person.mayAct) },
      };
    });
  }

  /** Not in a bounded read: it goes through all documents, in seconds, and has a gate of its own. */
  async changes(person: Person, revealId: string): Promise<RevealChanges> {
    const reference = referenceFor(person, revealId);
    const changes = await this.reveals.findChanges(reference);
    const findings = await this.reveals.findLint(reference);
    // Afterwards, because the page takes it as the time at which it is read.
    const now = await this.reads.run(async (time) => time.toISOString());
    return { now, changes: changes && toChanges(changes), findings: findings && toFindings(findings) };
  }

  /** Throws RevealNotFound, also for one that is not in the scope of the person. */
  get(person: Person, revealId: string): Promise<Reveal> {
    return this.reveals.get(referenceFor(person, revealId));
  }
}

/** A reveal that the person may see. */
export function referenceFor(person: Person, revealId: string): RevealReference {
  return { revealId, projectId: ownProjectId(person) };
}
