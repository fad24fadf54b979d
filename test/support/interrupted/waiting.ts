import { spawn } from 'node:child_process';
import { endWithTests } from '../guardian.js';

it('waits until it is interrupted', async () => {
  endWithTests(spawn(process.execPath, ['--eval', 'setInterval(() => {}, 1000)', process.env['TMPDIR']!]));
  process.stdout.write('waiting\n');

  await new Promise(() => {});
}, 600_000);
