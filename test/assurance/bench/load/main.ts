import { readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { Caller } from './caller.ts';
import { processFigures } from './processes.ts';
import { Tally } from './tally.ts';
import type { LoadFigures, LoadOrder } from './types.ts';

// The load generator: reads one order from standard input, prints the figures, and exits.
const order = JSON.parse(readFileSync(0, 'utf8')) as LoadOrder;
const tally = new Tally();
const callers = Array.from({ length: order.connections }, (_, index) => new Caller(order, index, tally));
await delay(order.warmUpSeconds * 1_000);

const begin = look();
tally.isCounting = true;
await delay(order.seconds * 1_000);
tally.isCounting = false;
const end = look();
for (const caller of callers) caller.end();

const figures: LoadFigures = {
  seconds: (end.at - begin.at) / 1_000,
  ...tally.figures(),
  processes: end.processes.map(({ pid, cpuSeconds, rssMib }, index) => {
    return { pid, cpuSeconds: cpuSeconds - begin.processes[index]!.cpuSeconds, rssMib };
  }),
  cpuSeconds: end.cpuSeconds - begin.cpuSeconds,
  refusedMs: tally.refusedMs,
  mistakes: tally.mistakes,
};
process.stdout.write(`${JSON.stringify(figures)}\n`);

function look() {
  if (order.signalled !== undefined) process.kill(order.signalled, 'SIGUSR2');
  const { user, system } = process.cpuUsage();
  return { at: performance.now(), processes: order.pids.map(processFigures), cpuSeconds: (user + system) / 1e6 };
}
