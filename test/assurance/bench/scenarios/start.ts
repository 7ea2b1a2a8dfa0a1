import { readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { BuiltService } from '../../../support/built-service.ts';
import { processTree } from '../../../support/process-tree.ts';
import { temporaryFolder } from '../../../support/service.ts';
import { spreadOf } from '../../../support/figures.ts';
import { processFigures } from '../load/processes.ts';
import type { Section } from '../report.ts';
import type { Bench } from './scenario.ts';

const idleMs = 3_000;

/** How long does a start take, and how much memory does an idle service use? */
export async function start({ home, pace, say }: Bench): Promise<Section> {
  const rounds: { readyMs: number; workerMib: number; supervisorMib: number; bothMb: number }[] = [];
  for (let round = 1; round <= pace.rounds; round += 1) {
    const service = new BuiltService(temporaryFolder(), { home });
    // Keys and tables exist, as after any first start.
    service.command('clients', 'add', 'caller');
    service.command('tokens', 'issue', 'caller');
    const startedAt = performance.now();
    await service.start();
    const readyMs = performance.now() - startedAt;
    const { status } = await fetch(`http://127.0.0.1:${service.port}/api/readiness`);
    if (status !== 200) throw new Error(`it said that it listens, and readiness is ${status}`);
    await delay(idleMs);
    const pids = processTree(service.pid);
    const [supervisorMib = 0, workerMib = 0] = pids.map((pid) => processFigures(pid).rssMib);
    const bothMb = pids.reduce((sum, pid) => sum + shareOfMemoryMb(pid), 0);
    await service.stop();
    rounds.push({ readyMs, workerMib, supervisorMib, bothMb });
    say(`round ${round}, start: ready after ${readyMs.toFixed(0)} ms, both hold ${bothMb.toFixed(0)} MB`);
  }
  const facts = [
    { name: 'start to ready, ms', spread: spreadOf(rounds.map(({ readyMs }) => readyMs)) },
    { name: 'idle memory of the worker, MiB', spread: spreadOf(rounds.map(({ workerMib }) => workerMib)) },
    { name: 'idle memory of the supervisor, MiB', spread: spreadOf(rounds.map(({ supervisorMib }) => supervisorMib)) },
    { name: 'idle memory of both, shared pages once, MB', spread: spreadOf(rounds.map(({ bothMb }) => bothMb)) },
  ];
  const notes = [
    'From the start of the process until the service says that it listens and is ready; with both shipped models, one worker.',
    'Of both together, in millions of bytes: the proportional set size, in which a page that several processes have counts as a part in each; other programs of the same libraries make it smaller.',
  ];
  return { title: 'Start', notes, results: [], facts };
}

/** Proportional set size. */
function shareOfMemoryMb(pid: number): number {
  const kibibytes = /^Pss:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'latin1'))?.[1];
  return (Number(kibibytes) * 1_024) / 1_000_000;
}
