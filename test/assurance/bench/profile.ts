import { readFileSync } from 'node:fs';
import type { Profiler } from 'node:inspector';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { temporaryFolder } from '../../support/service.ts';
import { Generator, type Cell } from './measure.ts';
import { inferBinary } from './scenarios/protocol.ts';
import { startService } from './servers.ts';
import { readProfile } from './stages.ts';

const shownFunctions = 40;

/**
 * The time of a request by stage: one worker under load, first without and then with the profiler.
 * @param isBinary requests binary tensors under /v2 instead of rows under /api
 * @returns Markdown
 */
export async function profile(cell: Cell, seconds: number, home: string, isBinary = false): Promise<string> {
  const file = join(temporaryFolder(), 'worker.cpuprofile');
  const started = await startService({
    home,
    variables: { BENCH_PROFILE: file },
    nodeOptions: ['--import', join(home, 'build/test/assurance/bench/servers/profiler.js')],
  });
  const binary = (rows: number) => started.tokens.map((token, index) => inferBinary(rows, index % 3, token));
  const service = isBinary ? { ...started, requests: binary } : started;
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
    `\`npm run bench:profile -- --rows ${cell.rows} --connections ${cell.connections} --seconds ${seconds}${isBinary ? ' --binary' : ''}\`, ${new Date().toISOString().slice(0, 10)}, Node ${process.versions.node}.`,
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
