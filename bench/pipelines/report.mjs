// Turns the measurements of the pipelines into goals, tables and charts.
import { median, medianRatio } from '../support/measure.mjs';

export function reportPipelines({ contenders, unavailable }, cases) {
  const of = (contender, { key }, field) => contender.results[key].map((measured) => measured[field]);
  const medianOf = (contender, one, field) => median(of(contender, one, field));
  const service = contenders.find(({ key }) => key === 'service');
  const axiosLoop = contenders.find(({ key }) => key === 'axios-loop');
  const jobLibraries = contenders.filter(({ isJobLibrary }) => isJobLibrary);

  const goals = [];
  for (const one of cases) {
    const speed = (other) => medianRatio(of(service, one, 'tokensPerSecond'), of(other, one, 'tokensPerSecond'));
    if (one.latency === 0 && jobLibraries.length > 0) {
      const fastest = best(jobLibraries, (library) => -medianOf(library, one, 'tokensPerSecond'));
      const cheapest = best(jobLibraries, (library) => medianOf(library, one, 'databaseMicroseconds'));
      goals.push({
        text: `tokens/s, ${one.label}, vs. the fastest job per token (${fastest.key})`,
        value: speed(fastest),
        atLeast: 3,
      });
      goals.push({
        text: `database CPU per token, ${one.label}, vs. the cheapest job per token (${cheapest.key})`,
        value: medianRatio(of(service, one, 'databaseMicroseconds'), of(cheapest, one, 'databaseMicroseconds')),
        atMost: 0.33,
      });
    }
    if (axiosLoop) {
      const text = `tokens/s, ${one.label}, vs. the axios loop without storage`;
      goals.push({ text, value: speed(axiosLoop), atLeast: one.latency === 0 ? 0.9 : 0.95 });
    }
    const text = `SQL statements per token, ${one.label}`;
    goals.push({ text, value: medianOf(service, one, 'statementsPerToken'), atMost: 0.03, digits: 3 });
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
        ...contenders.map((contender) => [
          contender.name,
          Math.round(medianOf(contender, one, 'tokensPerSecond')).toLocaleString('en'),
          medianRatio(of(service, one, 'tokensPerSecond'), of(contender, one, 'tokensPerSecond')).toFixed(2),
          medianOf(contender, one, 'nodeMicroseconds').toFixed(0),
          medianOf(contender, one, 'databaseMicroseconds').toFixed(0),
          medianOf(contender, one, 'statementsPerToken').toFixed(3),
          medianOf(contender, one, 'megabytes').toFixed(0),
        ]),
        ...unavailable.map(({ name, reason }) => [name, reason, '', '', '', '', '']),
      ],
    })),
    note: 'CPU and statements are per token. Memory is the sum of the peaks of all processes of the pipeline.',
    charts: cases.map((one) => ({
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
