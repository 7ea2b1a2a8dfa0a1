import { mkdirSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { quantile } from '../soak/sampler.ts';
import type { Verdict } from '../soak/verdicts.ts';
import type { Measured } from './measure.ts';
import type { Starts } from './many-models.ts';
import { judge } from './verdicts.ts';

interface Run {
  readonly command: string;
  readonly hackathonSeconds: number;
}

/** Writes models.md and models.json to a folder. @returns the verdicts */
export function report(measured: Measured, { command, hackathonSeconds }: Run, folder: string): Verdict[] {
  const verdicts = judge(measured);
  const { hostile, starts, models, registeringSeconds } = measured;
  mkdirSync(folder, { recursive: true });
  writeFileSync(`${folder}/models.json`, `${JSON.stringify({ command, hackathonSeconds, verdicts, ...measured })}\n`);
  const lines = [
    '# Model store',
    '',
    `\`${command}\`, ${new Date().toISOString().slice(0, 10)}, Node ${process.versions.node}, ${availableParallelism()} cores that the service and its callers share.`,
    '',
    'The compiled service in production, one worker, in a session of its own as under systemd, watched from outside. Hostile are the wrong entries of the hackathon, and uploads that break off, six at a time.',
    'Memory is that of the worker, read when it has been idle for 40 s (20 s after a start), before and after alike. The delay of the event loop is the',
    'longest that Node itself has measured; its interval of 10 ms is in it.',
    '',
    '| must hold | | figure | bound |',
    '| --- | --- | --- | --- |',
    ...verdicts.map(
      ({ name, isMet, figure, bound }) => `| ${name} | ${isMet ? 'yes' : '**NO**'} | ${figure} | ${bound} |`,
    ),
    '',
    '| figure | |',
    '| --- | --- |',
    `| memory of the worker before any upload | ${hostile.rssMb.fresh.toFixed(1)} MiB |`,
    `| longest delay of a process that had nothing to do meanwhile | ${hostile.idleDelayMs.toFixed(1)} ms |`,
    `| time for the hostile uploads | ${hostile.seconds.toFixed(0)} s |`,
    `| time for ${models} models, brought one after the other by four callers | ${registeringSeconds.toFixed(0)} s |`,
    `| memory of the worker without models | ${figuresOf(starts.without.rssMb, 1)} MiB |`,
    `| memory of the worker with ${models} | ${figuresOf(starts.with.rssMb, 1)} MiB |`,
    `| time to be ready without models | ${timesOf(starts.without)} |`,
    `| time to be ready with ${models} | ${timesOf(starts.with)} |`,
    `| \`npm run demo:hackathon\` | ${hackathonSeconds.toFixed(0)} s |`,
    '',
    '| answer to a hostile upload (0: none was waited for) | times |',
    '| --- | --- |',
    ...Object.entries(hostile.answers)
      .sort(([one], [other]) => one.localeCompare(other))
      .map(([answer, times]) => `| ${answer} | ${times} |`),
    '',
  ];
  writeFileSync(`${folder}/models.md`, lines.join('\n'));
  return verdicts;
}

function timesOf({ readyMs }: Starts): string {
  return `${figuresOf(readyMs, 0)} ms`;
}

function figuresOf(values: readonly number[], digits: number): string {
  const [middle, least, most] = [quantile(values, 0.5), Math.min(...values), Math.max(...values)];
  return `median ${middle.toFixed(digits)} (${least.toFixed(digits)} to ${most.toFixed(digits)}, ${values.length} starts)`;
}
