import { PassThrough } from 'node:stream';
import { confirm, type Terminal } from './confirmation.js';

function aTerminal(typed?: string): Terminal & { shown(): string } {
  const output = new PassThrough();
  let shown = '';
  output.on('data', (chunk) => (shown += String(chunk)));
  const input = Object.assign(new PassThrough(), { isTTY: typed !== undefined });
  if (typed !== undefined) input.write(typed);
  return { input, output, shown: () => shown };
}

describe('confirmation of destructive commands', () => {
  it.each(['y\n', 'Y\n', 'yes\n', ' yes \r\n'])(
    'a destructive command continues when the user types %j',
    async (typed) => {
      const terminal = aTerminal(typed);

      await confirm('This removes 3 tokens.', false, terminal);

      expect(terminal.shown()).toBe('This removes 3 tokens. Continue? [y/N] ');
    },
  );

  it.each(['\n', 'n\n', 'no\n', 'yess\n', 'remove\n'])(
    'a destructive command stops when the user types %j',
    async (typed) => {
      await expect(confirm('This removes 3 tokens.', false, aTerminal(typed))).rejects.toThrow('nothing was changed');
    },
  );

  it('a destructive command without a terminal does not wait, and suggests --yes', async () => {
    await expect(confirm('This removes 3 tokens.', false, aTerminal())).rejects.toThrow(
      'This removes 3 tokens. Confirm it with --yes.',
    );
  });

  it('a destructive command does not ask with --yes', async () => {
    const terminal = aTerminal('n\n');

    await confirm('This removes 3 tokens.', true, terminal);

    expect(terminal.shown()).toBe('');
  });
});
