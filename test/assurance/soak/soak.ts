import { setMaxListeners } from 'node:events';
import { randomBytes } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Passwords } from '../../../mlapi/auth/clients/passwords.ts';
import { projectRoot } from '../../support/compiled.ts';
import { temporaryFolder, type Tokens } from '../../support/service.ts';
import { BuiltService } from '../../support/built-service.ts';
import { exchange, pause, steadily } from './exchange.ts';
import { runGoodTraffic } from './good-traffic.ts';
import { runHostileTraffic } from './hostile-traffic.ts';
import { sampleProcesses, sizeOf, type ProcessSample, type Sample } from './sampler.ts';
import { Tally } from './tally.ts';

const stayingClients = 6;

/** All results of one run. */
export interface SoakRun {
  readonly minutes: number;
  readonly workers: number;
  readonly samples: readonly Sample[];
  /** Before any traffic, and some time after the end. */
  readonly idleBefore: readonly ProcessSample[];
  readonly idleAfter: readonly ProcessSample[];
  readonly tally: Tally;
  readonly logBytes: number;
  readonly logLines: number;
  readonly exitCode: number | null;
}

interface SoakOptions {
  readonly minutes: number;
  readonly workers: number;
  readonly onSample?: (sample: Sample) => void;
}

/** Sends good and hostile traffic together for some minutes, and samples the processes from outside. */
export async function soak({ minutes, workers, onSample = () => undefined }: SoakOptions): Promise<SoakRun> {
  const service = new BuiltService(temporaryFolder(), { variables: { MLAPI_WORKERS: String(workers) } });
  const clients = await addClients(service, minutes);
  await service.start();
  const { port } = service;
  const mallory = await hostileTokens(service);
  const idleBefore = sampleProcesses(service.pid);

  const tally = new Tally();
  const end = new AbortController();
  // Every caller waits on this signal.
  setMaxListeners(0, end.signal);
  const timer = setTimeout(() => end.abort(), minutes * 60_000);
  const samples: Sample[] = [];
  const startedAt = performance.now();
  // 120 points make a plot; more than one per half second is noise.
  const watching = steadily(Math.min(2, 120 / (minutes * 60)), end.signal, () => {
    const atSeconds = Math.round((performance.now() - startedAt) / 100) / 10;
    const processes = sampleProcesses(service.pid);
    const sample = { atSeconds, processes, logBytes: sizeOf(service.logFile), ...tally.takeInterval() };
    samples.push(sample);
    onSample(sample);
    return Promise.resolve();
  });
  const probing = steadily(4, end.signal, async () => {
    const answer = await exchange({ port, agent: false, path: '/api/liveness' }).catch(() => undefined);
    if (answer?.status === 200) tally.liveness(answer.latencyMs);
    else tally.goodFailed('liveness', String(answer?.status));
  });
  const good = runGoodTraffic({ port, tally, end: end.signal, row: sampleRow() }, clients);
  const names = clients.staying.map(({ name }) => name);
  const hostile = runHostileTraffic({ port, tally, end: end.signal, names, ...mallory });
  await Promise.all([watching, probing, good, hostile]);
  clearTimeout(timer);

  // Slow connections are disconnected after 10 s.
  await pause(12_000, new AbortController().signal);
  const idleAfter = sampleProcesses(service.pid);
  const exitCode = await service.stop();
  const log = readFileSync(service.logFile, 'latin1');
  const logLines = log.split('\n').length - 1;
  return { minutes, workers, samples, idleBefore, idleAfter, tally, logBytes: log.length, logLines, exitCode };
}

/** Those that stay, and one per four seconds. */
async function addClients(service: BuiltService, minutes: number) {
  const password = randomBytes(12).toString('base64url');
  const hash = await (await Passwords.create()).hash(password);
  const caller = (name: string, index: number) => ({
    name,
    password,
    address: `172.16.${Math.floor(index / 250)}.${1 + (index % 250)}`,
  });
  const staying = Array.from({ length: stayingClients }, (_, index) => caller(`staying-${index}`, index));
  const passing = Array.from({ length: Math.ceil(minutes * 15) + 1 }, (_, index) =>
    caller(`passing-${index}`, 250 + index),
  );
  const file = join(temporaryFolder(), 'users.csv');
  const rows = [...staying, ...passing].map(({ name }) => `${name},"${hash}"\n`);
  writeFileSync(file, rows.join(''), { mode: 0o600 });
  service.command('clients', 'import', file);
  return { staying, passing };
}

/** A registered client that turns malicious: its access token is valid, its spent refresh token belongs to an ended family. */
async function hostileTokens(service: BuiltService) {
  service.command('clients', 'add', 'mallory');
  const issue = () => JSON.parse(service.command('tokens', 'issue', 'mallory')) as Tokens;
  const [good, spent] = [issue(), issue()];
  const refresh = { authorization: `Bearer ${spent.refresh_token}`, 'x-forwarded-for': '10.0.0.1' };
  for (let turn = 0; turn < 2; turn += 1) {
    await exchange({ port: service.port, agent: false, method: 'POST', path: '/auth/refresh', headers: refresh });
  }
  return { tokens: good, spentRefreshToken: spent.refresh_token };
}

function sampleRow(): unknown[] {
  const folder = join(projectRoot, 'resources/models/nsl-kdd-classifier');
  const sample = JSON.parse(readFileSync(join(folder, 'sample.json'), 'utf8')) as Record<string, unknown>;
  const contract = JSON.parse(readFileSync(join(folder, 'model.json'), 'utf8')) as { features: { name: string }[] };
  return contract.features.map(({ name }) => sample[name]);
}
