// From what the pipelines measured to goals, tables and bars.
import { median, medianRatio } from '../support/measure.mjs';

export function reportPipelines({ contenders, absent }, cases) {
  const of = (contender, { key }, field) => contender.results[key].map((measured) => measured[field]);
  const middle = (contender, one, field) => median(of(contender, one, field));
  const service = contenders.find(({ key }) => key === 'service');
  const axiosLoop = contenders.find(({ key }) => key === 'axios-loop');
  const jobLibraries = contenders.filter(({ isJobLibrary }) => isJobLibrary);

  const goals = [];
  for (const one of cases) {
    const speed = (other) => medianRatio(of(service, one, 'tokensPerSecond'), of(other, one, 'tokensPerSecond'));
    if (one.latency === 0 && jobLibraries.length > 0) {
      const fastest = best(jobLibraries, (library) => -middle(library, one, 'tokensPerSecond'));
      const frugal = best(jobLibraries, (library) => middle(library, one, 'databaseMicroseconds'));
      goals.push({
        text: `tokens/s, ${one.label}, over the best job per token (${fastest.key})`,
        value: speed(fastest),
        atLeast: 3,
      });
      goals.push({
        text: `database CPU for each token, ${one.label}, over the best job per token (${frugal.key})`,
        value: medianRatio(of(service, one, 'databaseMicroseconds'), of(frugal, one, 'databaseMicroseconds')),
        atMost: 0.33,
      });
    }
    if (axiosLoop) {
      const text = `tokens/s, ${one.label}, over the axios loop that saves nothing`;
      goals.push({ text, value: speed(axiosLoop), atLeast: one.latency === 0 ? 0.9 : 0.95 });
    }
    const text = `SQL statements for each token, ${one.label}`;
    goals.push({ text, value: middle(service, one, 'statementsPerToken'), atMost: 0.03, digits: 3 });
  }

  return {
    title: 'End to end',
    goals,
    tables: cases.map((one) => ({
      title: one.label,
      head: ['', 'tokens/s', 'ours over it', 'node CPU, µs', 'database CPU, µs', 'SQL statements', 'memory, MB'],
      rows: [
        ...contenders.map((contender) => [
          contender.name,
          Math.round(middle(contender, one, 'tokensPerSecond')).toLocaleString('en'),
          medianRatio(of(service, one, 'tokensPerSecond'), of(contender, one, 'tokensPerSecond')).toFixed(2),
          middle(contender, one, 'nodeMicroseconds').toFixed(0),
          middle(contender, one, 'databaseMicroseconds').toFixed(0),
          middle(contender, one, 'statementsPerToken').toFixed(3),
          middle(contender, one, 'megabytes').toFixed(0),
        ]),
        ...absent.map(({ name, why }) => [name, why, '', '', '', '', '']),
      ],
    })),
    note: 'CPU and statements are for each token. Memory is the most that all processes of the row had.',
    charts: cases.map((one) => ({
      title: `Tokens a second: host responses after ${one.latency} ms, documents of ${one.size}`,
      bars: contenders.map((contender) => ({
        label: contender.name,
        value: middle(contender, one, 'tokensPerSecond'),
        isOurs: contender === service,
      })),
    })),
  };
}

function best(contenders, cost) {
  return contenders.toSorted((a, b) => cost(a) - cost(b))[0];
}
