// Turns the measurements of the pipelines into goals, tables and charts.
import { median, medianRatio } from '../support/measure.mjs';

/** The CPU of the axios loop is node's: it has no database. */
const NODE_CPU = { field: 'nodeMicroseconds', text: 'node CPU', other: 'axios-loop' };
const DATABASE_CPU = {
  field: 'databaseMicroseconds',
  text: 'database CPU',
  other: 'axios-loop',
  otherField: 'nodeMicroseconds',
};
const SPEED = { field: 'tokensPerSecond', text: 'tokens/s', other: 'axios-loop' };
const SPEED_COMPARED = { ...SPEED, other: 'compared' };
const DATABASE_CPU_COMPARED = { field: 'databaseMicroseconds', text: 'database CPU', other: 'compared' };

/** Ratios to another contender, by case. */
const RATIOS = {
  '0-small': [
    { ...SPEED, atLeast: 0.9 },
    { ...NODE_CPU, atMost: 0.75 },
    { ...DATABASE_CPU, atMost: 0.5 },
    { ...SPEED_COMPARED, atLeast: 1.8 },
  ],
  '0-small-changed': [{ ...DATABASE_CPU_COMPARED, atMost: 0.33 }],
  '0-large': [
    { ...SPEED, atLeast: 0.9 },
    { ...SPEED_COMPARED, atLeast: 1.6 },
    { ...DATABASE_CPU_COMPARED, atMost: 0.4 },
  ],
  ...Object.fromEntries(
    ['small', 'large'].flatMap((document) => [
      [
        `0-${document}-unchanged`,
        [
          { ...NODE_CPU, atMost: 0.55 },
          { ...DATABASE_CPU, atMost: 0.33 },
        ],
      ],
      [
        `0-${document}-304`,
        [
          { ...NODE_CPU, atMost: 0.4 },
          { ...DATABASE_CPU, atMost: 0.3 },
        ],
      ],
      [`50-${document}`, [{ ...SPEED, atLeast: 0.95 }]],
    ]),
  ),
};

export function reportPipelines({ contenders, unavailable }, cases) {
  const of = (contender, { key }, field) => contender.results[key].map((measured) => measured[field]);
  const medianOf = (contender, one, field) => median(of(contender, one, field));
  const measuredIn = ({ key }) => contenders.filter(({ results }) => results[key]);
  const service = contenders.find(({ key }) => key === 'service');
  const jobLibraries = contenders.filter(({ isJobLibrary }) => isJobLibrary);

  const goals = [];
  for (const one of cases) {
    const ratio = (field, other, otherField = field) =>
      medianRatio(of(service, one, field), of(other, one, otherField));
    if (one.of === 'first' && one.latency === 0 && jobLibraries.length > 0) {
      const fastest = best(jobLibraries, (library) => -medianOf(library, one, 'tokensPerSecond'));
      const cheapest = best(jobLibraries, (library) => medianOf(library, one, 'databaseMicroseconds'));
      goals.push({
        text: `tokens/s, ${one.label}, vs. the fastest job per token (${fastest.key})`,
        value: ratio('tokensPerSecond', fastest),
        atLeast: 3,
      });
      goals.push({
        text: `database CPU per token, ${one.label}, vs. the cheapest job per token (${cheapest.key})`,
        value: ratio('databaseMicroseconds', cheapest),
        atMost: 0.33,
      });
    }
    for (const { field, text, other, otherField, ...bound } of RATIOS[one.key]) {
      const contender = contenders.find(({ key }) => key === other);
      if (!contender) continue;
      goals.push({
        text: `${text}, ${one.label}, vs. ${otherField ? 'the node CPU of ' : ''}${contender.name}`,
        value: ratio(field, contender, otherField),
        ...bound,
      });
    }
    if (one.of === 'first') {
      goals.push({
        text: `SQL statements per token, ${one.label}`,
        value: medianOf(service, one, 'statementsPerToken'),
        atMost: 0.03,
        digits: 3,
      });
    }
  }

  return {
    title: 'End to end',
    goals,
    tables: cases.map((one) => ({
      title: one.label,
      head: [
        'pipeline',
        'tokens/s',
        'speed-up of this service',
        'node CPU, µs',
        'database CPU, µs',
        'SQL statements',
        'memory, MB',
      ],
      rows: [
        ...measuredIn(one).map((contender) => [
          contender.name,
          Math.round(medianOf(contender, one, 'tokensPerSecond')).toLocaleString('en'),
          medianRatio(of(service, one, 'tokensPerSecond'), of(contender, one, 'tokensPerSecond')).toFixed(2),
          medianOf(contender, one, 'nodeMicroseconds').toFixed(0),
          medianOf(contender, one, 'databaseMicroseconds').toFixed(0),
          medianOf(contender, one, 'statementsPerToken').toFixed(3),
          medianOf(contender, one, 'megabytes').toFixed(0),
        ]),
        ...(one.of === 'first' ? unavailable.map(({ name, reason }) => [name, reason, '', '', '', '', '']) : []),
      ],
    })),
    note: 'CPU and statements are per token. Memory is the sum of the peaks of all processes of the pipeline. "changed", "unchanged" and "304" are refreshes of tokens that were fetched before.',
    charts: cases
      .filter((one) => one.of === 'first')
      .map((one) => ({
        title: `Tokens per second: host latency ${one.latency} ms, documents of ${one.size}`,
        bars: contenders.map((contender) => ({
          label: contender.name,
          value: medianOf(contender, one, 'tokensPerSecond'),
          isOurs: contender === service,
        })),
      })),
  };
}

function best(contenders, cost) {
  return contenders.toSorted((a, b) => cost(a) - cost(b))[0];
}
