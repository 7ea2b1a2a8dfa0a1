import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { compileProject } from '../../support/compiled.ts';
import { temporaryFolder } from '../../support/service.ts';
import type { Cell } from './measure.ts';
import { profile } from './profile.ts';

/*
 * The time of a request, by stage.
 *
 *     npm run bench:profile -- [--seconds 5] [--rows 1] [--connections 32] [--binary] [--out files/reports/bench]
 */
const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '5' },
    rows: { type: 'string', default: '1' },
    connections: { type: 'string', default: '32' },
    binary: { type: 'boolean', default: false },
    out: { type: 'string', default: 'files/reports/bench' },
  },
});
const cell: Cell = { rows: Number(values.rows), connections: Number(values.connections) };
const seconds = Number(values.seconds);
const home = compileProject(temporaryFolder(), 'test/assurance/bench/tsconfig.build.json');
const text = await profile(cell, seconds, home, values.binary).catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
  // Ends the service too.
  return process.exit(1);
});
process.stdout.write(text);
mkdirSync(values.out, { recursive: true });
writeFileSync(join(values.out, values.binary ? 'profile-binary.md' : 'profile.md'), text);
