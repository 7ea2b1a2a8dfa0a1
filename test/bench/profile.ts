import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import type { Profiler } from 'node:inspector';
import { compileProject } from '../support/built-service.ts';
import { temporaryFolder } from '../support/service.ts';
import { Generator, type Cell } from './measure.ts';
import { startService } from './servers.ts';
import { readProfile } from './stages.ts';

/*
 * Where the time of a request goes, by stage.
 *
 *     npm run bench:profile -- [--seconds 5] [--rows 1] [--connections 32] [--out files/reports/bench]
 */
const shownFunctions = 40;

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '5' },
    rows: { type: 'string', default: '1' },
    connections: { type: 'string', default: '32' },
    out: { type: 'string', default: 'files/reports/bench' },
  },
});
const cell: Cell = { rows: Number(values.rows), connections: Number(values.connections) };
const seconds = Number(values.seconds);
const home = compileProject(temporaryFolder(), 'test/bench/tsconfig.build.json');
const text = await profile(cell, seconds, home).catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
  // The service ends with this process.
  return process.exit(1);
});
process.stdout.write(text);
mkdirSync(values.out, { recursive: true });
writeFileSync(join(values.out, 'profile.md'), text);

async function profile(cell: Cell, seconds: number, home: string): Promise<string> {
  const file = join(temporaryFolder(), 'worker.cpuprofile');
  const service = await startService({
    home,
    variables: { BENCH_PROFILE: file },
    nodeOptions: ['--import', join(home, 'build/test/bench/servers/profiler.js')],
  });
  const generator = new Generator(home);
  const pace = { warmUpSeconds: 2, seconds };
  const plain = await generator.measure(service, cell, pace);
  const watched = await generator.measure(service, cell, { ...pace, signalled: service.pids.serving[0]! });
  // The profile is written after the last signal.
  await delay(1_000);
  await service.stop();
  const requests = watched.requestsPerSecond * seconds;
  const { stages, functions } = readProfile(JSON.parse(readFileSync(file, 'utf8')) as Profiler.Profile);
  const perRequest = (microseconds: number) => (microseconds / requests).toFixed(2);
  const busy = stages.filter(({ stage }) => stage !== 'idle').reduce((sum, { microseconds }) => sum + microseconds, 0);
  return [
    '# Where the time goes',
    '',
    `\`npm run bench:profile -- --rows ${cell.rows} --connections ${cell.connections} --seconds ${seconds}\`, ${new Date().toISOString().slice(0, 10)}, Node ${process.versions.node}.`,
    '',
    `One worker, everything on: ${plain.requestsPerSecond.toFixed(0)} requests/s at ${plain.cpuMicroseconds.toFixed(1)} µs of CPU time each; under the profiler ` +
      `${watched.requestsPerSecond.toFixed(0)} at ${watched.cpuMicroseconds.toFixed(1)} µs. Of the main thread's profile, in µs per request:`,
    '',
    '| stage | µs/request | share of the busy time |',
    '| --- | ---: | ---: |',
    ...stages.map(({ stage, microseconds }) => {
      const share = stage === 'idle' ? '' : `${((100 * microseconds) / busy).toFixed(1)} %`;
      return `| ${stage} | ${perRequest(microseconds)} | ${share} |`;
    }),
    '',
    `The ${shownFunctions} functions that take most, by themselves:`,
    '',
    '| function | stage | µs/request |',
    '| --- | --- | ---: |',
    ...functions
      .filter(({ stage }) => stage !== 'idle')
      .slice(0, shownFunctions)
      .map(({ name, stage, microseconds }) => `| ${name} | ${stage} | ${perRequest(microseconds)} |`),
    '',
  ].join('\n');
}
