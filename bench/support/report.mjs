// What was measured, as Markdown.
import { arch, cpus, loadavg, platform, totalmem } from 'node:os';

export function describeMachine({ postgres, redis }) {
  const [{ model }] = cpus();
  return [
    `${cpus().length} × ${model.trim()}`,
    `${Math.round(totalmem() / 2 ** 30)} GB`,
    `${platform()} ${arch()}`,
    `Node ${process.versions.node}`,
    `PostgreSQL ${postgres.version}`,
    redis ? `Redis ${redis.version}` : 'no Redis',
    // What else the machine did: before anything is measured, it should be near 0.
    `load average ${loadavg()[0].toFixed(1)} at the start`,
  ].join(', ');
}

export function report({ machine, options, stories }) {
  const goals = stories.flatMap(({ goals }) => goals);
  return [
    '# Results',
    '',
    'Written by `npm run bench`; the method and what follows from the numbers are in the [README](README.md).',
    '',
    `${machine}. ${options.rounds} rounds, ${options.tokens.toLocaleString('en')} tokens each; medians.`,
    '',
    ...(goals.length > 0 ? ['## Goals', '', ...table(goalTable(goals)), ''] : []),
    ...stories.flatMap(({ title, tables, note }) => [
      `## ${title}`,
      '',
      ...(note ? [note, ''] : []),
      ...tables.flatMap((one) => [...(one.title ? [`### ${one.title}`, ''] : []), ...table(one), '']),
    ]),
  ].join('\n');
}

function goalTable(goals) {
  return {
    head: ['ours over theirs', 'goal', 'measured', ''],
    rows: goals.map(({ text, value, atLeast, atMost, digits = 2 }) => [
      text,
      atLeast === undefined ? `at most ${atMost}` : `at least ${atLeast}`,
      value === null ? '–' : value.toFixed(digits),
      verdict({ value, atLeast, atMost }),
    ]),
  };
}

function verdict({ value, atLeast = -Infinity, atMost = Infinity }) {
  if (value === null) return 'not measured';
  return value >= atLeast && value <= atMost ? 'met' : '**missed**';
}

function table({ head, rows }) {
  // What is not in the first column is a number, or short.
  const rule = head.map((_, column) => (column === 0 ? '---' : '---:'));
  return [head, rule, ...rows].map((cells) => `| ${cells.join(' | ')} |`);
}
