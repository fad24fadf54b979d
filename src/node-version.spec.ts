import { readFileSync } from 'node:fs';
import { explainOldNode } from './node-version.js';

it.each(['22.19.0', '22.20.1', '24.9.0', '30.0.0'])('Node.js %s is new enough', (version) => {
  expect(explainOldNode(version, 'npm start')).toBeNull();
});

it.each(['22.18.9', '20.20.2', '18.0.0', '21.7.3'])('Node.js %s is too old', (version) => {
  expect(explainOldNode(version, 'npm start')).toBe(
    `This is Node.js ${version}, and the service needs Node.js 22.19 or newer. In a checkout, "npm start" brings its own.`,
  );
});

it('the oldest Node.js is the one that package.json names', () => {
  const { engines } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as {
    engines: { node: string };
  };
  const [, major, minor] = /^>=(\d+)\.(\d+)$/.exec(engines.node)!;

  expect(explainOldNode(`${major}.${minor}.0`, 'npm start')).toBeNull();
  expect(explainOldNode(`${major}.${Number(minor) - 1}.9`, 'npm start')).toContain(`${major}.${minor} or newer`);
});
