import { parseArgs } from 'node:util';
import { report } from './report.ts';
import { soak } from './soak.ts';

// Good and hostile traffic for some minutes, with figures and a plot. Run: npm run soak -- --minutes 30

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '30' },
    workers: { type: 'string', default: '2' },
    out: { type: 'string', default: 'files/reports' },
  },
});
const run = await soak({
  minutes: Number(values.minutes),
  workers: Number(values.workers),
  onSample: ({ atSeconds, processes, good, hostile, goodP99Ms }) => {
    const rss = processes.map(({ rssMb }) => rssMb.toFixed(0)).join(' + ');
    process.stdout.write(
      `${atSeconds} s: ${rss} MiB, ${good} good, ${hostile} hostile, p99 ${goodP99Ms.toFixed(1)} ms\n`,
    );
  },
});
const verdicts = report(run, values.out);
for (const { name, isMet, figure } of verdicts) process.stdout.write(`${isMet ? 'yes' : 'NO '}  ${name}: ${figure}\n`);
for (const error of run.tally.goodErrors) process.stdout.write(`  ${error}\n`);
process.exitCode = verdicts.every(({ isMet }) => isMet) ? 0 : 1;
