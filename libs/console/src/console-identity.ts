/** Somebody whom the host application knows. */
export type IdentifiedPerson =
  | {
      /** Sees all projects. */
      kind: 'operator';
      /** Shown, and written into the log of actions. */
      name: string;
      /** false: sees everything and changes nothing. Default: true. */
      mayAct?: boolean;
    }
  | {
      /** Sees this project. */
      kind: 'partner';
      projectId: string;
      /** Shown, and written into the log of actions. Default: the name of the project. */
      name?: string;
      mayAct?: boolean;
    };

/** The port through which a host application with its own users says who sends a request to the console. */
export abstract class ConsoleIdentity {
  /**
   * Called for every request to the console's endpoints, with the request of Express or Fastify. null: nobody is signed in; the console
   * responds with 401, and its page asks people to sign in to your application.
   */
  abstract who(request: unknown): Promise<IdentifiedPerson | null> | IdentifiedPerson | null;
}
