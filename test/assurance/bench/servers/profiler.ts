import cluster from 'node:cluster';
import { writeFileSync } from 'node:fs';
import { Session } from 'node:inspector/promises';

/*
 * Loaded before the service (`--import`): in its worker, the first SIGUSR2 starts a CPU profile, the second ends it and writes it to
 * the file in BENCH_PROFILE. The supervisor is not profiled.
 */
const sampleMicroseconds = 100;

if (cluster.isWorker) {
  const session = new Session();
  let isRunning = false;
  process.on('SIGUSR2', () => {
    void (isRunning ? end(session) : begin(session));
    isRunning = !isRunning;
  });
}

async function begin(session: Session): Promise<void> {
  session.connect();
  await session.post('Profiler.enable');
  await session.post('Profiler.setSamplingInterval', { interval: sampleMicroseconds });
  await session.post('Profiler.start');
}

async function end(session: Session): Promise<void> {
  const { profile } = await session.post('Profiler.stop');
  writeFileSync(process.env.BENCH_PROFILE ?? 'worker.cpuprofile', JSON.stringify(profile));
  session.disconnect();
}
