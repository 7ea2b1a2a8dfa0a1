import { existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe } from '@jest/globals';
import type { Confinement } from '../../mlapi/sandbox/confinement.ts';
import { findIsolation } from '../../mlapi/sandbox/isolation.ts';
import type { Scratch } from '../../mlapi/sandbox/limits.ts';
import { ProgramRun, type ProgramOptions } from '../../mlapi/sandbox/program-run.ts';
import { temporaryFolder } from './service.ts';

export const python = '/usr/bin/python3';
const isNamespaced = existsSync(python) && (await findIsolation([python, '-c', 'pass'])) === 'namespaces';
if (!isNamespaced) console.warn('SKIPPED: confined Python programs: no Python, no bubblewrap, or it is forbidden');

/** `describe` where Python runs in namespaces. */
export const describeConfined = isNamespaced ? describe : describe.skip;

interface Settings extends Partial<Omit<ProgramOptions, 'confinement'>> {
  readonly limits?: Partial<Confinement>;
  readonly scratch?: Partial<Scratch>;
}

/** Starts Python with a scratch folder that has room for 20 MB in 100 files. */
export function startPython(code: string, { limits, scratch, ...options }: Settings = {}) {
  const parent = temporaryFolder();
  const folder = join(parent, 'scratch');
  mkdirSync(folder);
  const room = { folder, bytes: 20_000_000, files: 100, reserveBytes: 1, ...scratch };
  const run = new ProgramRun([python, '-c', code], {
    confinement: { isolation: 'namespaces', memoryBytes: 2 ** 29, scratch: room, ...limits },
    timeoutMs: 50_000,
    output: { bytes: 100_000 },
    ...options,
  });
  return { folder, run };
}

/** Runs Python to its end. @returns its outcome, and its output as text */
export async function runPython(code: string, settings: Settings = {}) {
  const { folder, run } = startPython(code, settings);
  const outcome = await run.ended;
  return { ...outcome, text: outcome.output.tail.toString(), folder };
}

/** @returns the ids of all processes whose command line has this word */
export function processesWith(word: string): string[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => {
      try {
        return readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(word);
      } catch {
        return false;
      }
    });
}
