import { mkdirSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { plot } from './plot.ts';
import type { SoakRun } from './soak.ts';
import { judge, type Verdict } from './verdicts.ts';

/** Writes soak.md, soak.svg and soak.json to a folder. @returns the verdicts */
export function report(run: SoakRun, folder: string): Verdict[] {
  const verdicts = judge(run);
  const { samples, idleBefore, idleAfter, minutes, workers, tally } = run;
  const answers = [...tally.answers].sort(([one], [other]) => one.localeCompare(other));
  mkdirSync(folder, { recursive: true });
  writeFileSync(`${folder}/soak.svg`, plot(samples));
  writeFileSync(
    `${folder}/soak.json`,
    `${JSON.stringify({ minutes, workers, verdicts, idleBefore, idleAfter, answers: answers.map(([what, counts]) => [what, Object.fromEntries(counts)]), samples })}\n`,
  );
  const lines = [
    '# Soak',
    '',
    `\`npm run soak -- --minutes ${minutes} --workers ${workers}\`, ${new Date().toISOString().slice(0, 10)}, Node ${process.versions.node}, ${availableParallelism()} cores that the service and its callers share.`,
    '',
    'The compiled service in production, good and hostile traffic at once: bad tokens and bodies, replays, wrong passwords for names that exist,',
    'floods over the limit, torn, slow and garbled connections. Watched from outside, through `/proc`. The medians of the second and the last',
    'quarter of the run are compared.',
    '',
    '| must hold | | figure | bound |',
    '| --- | --- | --- | --- |',
    ...verdicts.map(
      ({ name, isMet, figure, bound }) => `| ${name} | ${isMet ? 'yes' : '**NO**'} | ${figure} | ${bound} |`,
    ),
    '',
    '![Memory, descriptors, latency and rates over time](soak.svg)',
    '',
    '| asked | answers (0: none, or none was waited for) |',
    '| --- | --- |',
    ...answers.map(([what, counts]) => `| ${what} | ${countsOf(counts)} |`),
    ...tally.goodErrors.slice(0, 20).map((error) => `\n- ${error}`),
    '',
  ];
  writeFileSync(`${folder}/soak.md`, lines.join('\n'));
  return verdicts;
}

function countsOf(counts: ReadonlyMap<number, number>): string {
  return [...counts]
    .sort(([one], [other]) => one - other)
    .map(([status, count]) => `${status}: ${count}`)
    .join(', ');
}
