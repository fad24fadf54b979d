import { spawn } from 'node:child_process';
import { reapOnExit } from '@app/testing';

it('waits until it is interrupted', async () => {
  reapOnExit(spawn(process.execPath, ['--eval', 'setInterval(() => {}, 1000)', process.env['TMPDIR']!]));
  process.stdout.write('waiting\n');

  await new Promise(() => {});
}, 600_000);
