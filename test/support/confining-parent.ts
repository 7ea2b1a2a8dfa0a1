import { ProgramRun } from '../../mlapi/sandbox/program-run.ts';

/** A process with a confined program that never ends; it says when that runs. */
const [isolation, ...command] = process.argv.slice(2);
new ProgramRun(command, {
  confinement: { isolation: isolation === 'namespaces' ? 'namespaces' : 'limits', memoryBytes: 2 ** 29 },
  isTrusted: isolation === 'limits',
  timeoutMs: 60_000,
  output: { bytes: 1_000, onOutput: (chunk) => process.stdout.write(chunk) },
});
