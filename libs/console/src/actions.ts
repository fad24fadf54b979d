import { ModuleLogger } from '@app/logging';
import { BoundedReads } from '@app/metadata-refresh';
import { ConsoleActions } from '@app/project-auth';
import { Injectable } from '@nestjs/common';
import { refusalOf } from './console.filter.js';
import { notFound, Refused } from './console.errors.js';
import { ownProjectId, type Person } from './person.js';
import { SharedReads } from './shared-reads.js';

/** An action that a person requests. */
export interface WantedAction {
  person: Person;
  /** Such as `refresh.cancel`. */
  action: string;
  target: string;
  /** The project whose things it is about, once that is known; absent: that of the person, if it has one. */
  projectId?: string | undefined;
  /** Partners are told that there is no such thing. */
  onlyOperators?: boolean;
}

/** Runs what people do on the console, and logs it, also what was refused. */
@Injectable()
export class Actions {
  private readonly logger = new ModuleLogger('Console');

  constructor(
    private readonly log: ConsoleActions,
    private readonly reads: BoundedReads,
    private readonly shared: SharedReads,
  ) {}

  async run<Result>(wanted: WantedAction, work: () => Promise<Result>): Promise<Result> {
    try {
      const result = await this.attempt(wanted, work);
      await this.add(wanted, 'done');
      return result;
    } finally {
      // After the log is written, because the overview shows it. Also when the action was refused: it may have done a part.
      this.shared.forgetAll();
    }
  }

  /** Reads what an action has changed. It waits for its turn, because a person who is told that reads are busy repeats the action. */
  show<Result>(read: () => Promise<Result>): Promise<Result> {
    return this.reads.runPatiently(read);
  }

  private async attempt<Result>(wanted: WantedAction, work: () => Promise<Result>): Promise<Result> {
    try {
      refuseUnlessAllowed(wanted);
      return await work();
    } catch (error) {
      await this.add(wanted, refusalOf(error)?.code ?? 'internal_error');
      throw error;
    }
  }

  /** Never throws: a person who is told of an error repeats what is done already. */
  private async add({ person, action, target, projectId }: WantedAction, outcome: string): Promise<void> {
    try {
      await this.log.add({
        who: person.name,
        projectId: projectId ?? ownProjectId(person) ?? null,
        action,
        target: target.slice(0, 300),
        outcome,
      });
    } catch (error) {
      this.logger.error({
        msg: 'console action not recorded',
        action,
        target,
        who: person.name,
        outcome,
        error: String(error),
      });
    }
  }
}

function refuseUnlessAllowed({ person, onlyOperators = false }: WantedAction): void {
  if (onlyOperators && person.kind !== 'operator') throw notFound();
  refuseUnlessMayAct(person);
}

/** Throws Refused. */
export function refuseUnlessMayAct(person: Person): void {
  if (!person.mayAct) throw new Refused(403, 'forbidden', 'You may look at everything here, and change nothing.');
}
