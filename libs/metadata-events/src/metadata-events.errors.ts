/** Two handlers of this process have the same consumer name and type: each would be told of half. */
export class ConsumerNameTaken extends Error {
  override readonly name = 'ConsumerNameTaken';
  constructor(
    readonly consumer: string,
    readonly type: string,
  ) {
    super(`Consumer ${JSON.stringify(consumer)} takes ${type} already; another handler needs another name.`);
  }
}

/** A consumer's name is 1 to 100 letters, digits, hyphens, underscores and dots. */
export class InvalidConsumerName extends Error {
  override readonly name = 'InvalidConsumerName';
  constructor(readonly consumer: string) {
    super(`Consumer name ${JSON.stringify(consumer)} is not 1 to 100 letters, digits, "-", "_" and ".".`);
  }
}

/** The URL or the types of a webhook cannot be taken; the message says why. */
export class InvalidWebhook extends Error {
  override readonly name = 'InvalidWebhook';
}

/** The project has as many webhooks as it may have. */
export class WebhookLimitReached extends Error {
  override readonly name = 'WebhookLimitReached';
  constructor(readonly limit: number) {
    super(`The project may have ${limit} webhooks, and has them.`);
  }
}

/** A test message to this webhook is on its way. */
export class WebhookTestRunning extends Error {
  override readonly name = 'WebhookTestRunning';
  constructor(readonly webhookId: string) {
    super(`A test message to webhook ${webhookId} is on its way; wait for its end.`);
  }
}

export class WebhookNotFound extends Error {
  override readonly name = 'WebhookNotFound';
  constructor(readonly webhookId: string) {
    super(`Webhook ${JSON.stringify(webhookId)} does not exist.`);
  }
}
