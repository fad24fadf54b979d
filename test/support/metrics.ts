import type { INestApplication } from '@nestjs/common';
import { http } from './project-api.js';

/** One value that `/metrics` serves. */
export interface MetricSample {
  name: string;
  labels: Readonly<Record<string, string>>;
  value: number;
}

/** The values of one response of `/metrics`. */
export class Scrape {
  constructor(readonly text: string) {}

  get samples(): MetricSample[] {
    return this.text.split('\n').flatMap((line) => {
      const [, name, labels = '', value] = /^([a-z_:][\w:]*)(?:\{(.*)\})? (\S+)$/i.exec(line) ?? [];
      if (name === undefined) return [];
      const pairs = [...labels.matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)].map(([, label, text]) => [label!, text!]);
      return [{ name, labels: Object.fromEntries(pairs) as Record<string, string>, value: toNumber(value!) }];
    });
  }

  /** The names of the metrics, those without a value included, with their types. */
  get types(): Map<string, string> {
    return new Map([...this.text.matchAll(/^# TYPE (\S+) (\w+)$/gm)].map(([, name, type]) => [name!, type!]));
  }

  /** The sum of the values with these labels, whatever their other labels are; undefined: there is none. */
  find(name: string, labels: Readonly<Record<string, string>> = {}): number | undefined {
    const found = this.samples.filter(
      (sample) =>
        sample.name === name && Object.entries(labels).every(([label, value]) => sample.labels[label] === value),
    );
    return found.length === 0 ? undefined : found.reduce((sum, { value }) => sum + value, 0);
  }
}

export async function scrape(app: INestApplication): Promise<Scrape> {
  return new Scrape((await http(app).get('/metrics').expect(200)).text);
}

function toNumber(text: string): number {
  return Number(text.replace('Inf', 'Infinity').replace('Nan', 'NaN'));
}
