import { parseArgs } from 'node:util';
import { hackathon } from '../demo/hackathon.ts';
import { measure } from './measure.ts';
import { report } from './report.ts';

// The cost and the resilience of the model store, with figures. Run: npm run measure:models

const { values } = parseArgs({
  options: {
    uploads: { type: 'string', default: '1000' },
    models: { type: 'string', default: '1000' },
    starts: { type: 'string', default: '5' },
    out: { type: 'string', default: 'files/reports' },
  },
});
const { uploads, models, starts, out } = values;
// Child processes do not keep this process running.
const alive = setInterval(() => undefined, 60_000);
const say = (line: string) => void process.stdout.write(`${line}\n`);
const measured = await measure({
  uploads: Number(uploads),
  warmUp: Math.ceil(Number(uploads) / 5),
  models: Number(models),
  starts: Number(starts),
  settleMs: 40_000,
  startSettleMs: 20_000,
  predictions: 10,
  say,
});
say('the hackathon');
const startedAt = performance.now();
await hackathon(() => undefined);
const hackathonSeconds = (performance.now() - startedAt) / 1_000;
clearInterval(alive);
const command = `npm run measure:models -- --uploads ${uploads} --models ${models} --starts ${starts}`;
const verdicts = report(measured, { command, hackathonSeconds }, out);
for (const { name, isMet, figure } of verdicts) process.stdout.write(`${isMet ? 'yes' : 'NO '}  ${name}: ${figure}\n`);
process.exitCode = verdicts.every(({ isMet }) => isMet) ? 0 : 1;
