import { mkdirSync, writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { mlapi } from '../../../support/child.ts';
import { temporaryFolder } from '../../../support/service.ts';
import { commandKinds, killCommand } from './command-kills.ts';
import { ServiceKills } from './service-kills.ts';

// kill -9 at random points of every kind of write, with a report. Run: npm run faults -- --kills 200

const { values } = parseArgs({ options: { kills: { type: 'string', default: '200' }, out: { type: 'string' } } });
const kills = Number(values.kills);
const folder = values.out ?? 'files/reports';

interface Kind {
  kills: number;
  /** Writes acknowledged before the kills. */
  acknowledged: number;
  /** Kills during such a write. */
  underWay: number;
  faults: string[];
}

const kinds = new Map<string, Kind>();

function record(kind: string, acknowledged: number, underWay: number, faults: readonly string[]): void {
  const found = kinds.get(kind) ?? { kills: 0, acknowledged: 0, underWay: 0, faults: [] };
  found.kills += 1;
  found.acknowledged += acknowledged;
  found.underWay += underWay;
  found.faults.push(...faults);
  kinds.set(kind, found);
}

/** Half of the kills hit the service under load, on one data directory, so that each must leave a usable state. */
async function killServices(count: number): Promise<void> {
  const session = await ServiceKills.open(count);
  for (let kill = 0; kill < count; kill += 1) {
    const { done, begun, faults } = await session.kill();
    record('service (reset, refresh, revoke, audit)', done, begun.length > 0 ? 1 : 0, faults);
    for (const write of ['reset', 'refresh', 'revoke', 'audit']) {
      record(`service: ${write}`, 0, begun.includes(write) ? 1 : 0, []);
    }
    process.stdout.write(`${kill + 1} of ${count}: ${done} acknowledged, ${begun.join(' ') || 'nothing'} under way\n`);
    for (const fault of faults) process.stdout.write(`  FAULT ${fault}\n`);
  }
  const faults = await session.close();
  kinds.get('service (reset, refresh, revoke, audit)')?.faults.push(...faults);
}

async function killCommands(count: number): Promise<void> {
  const folders = new Map<string, string>();
  for (let kill = 0; kill < count; kill += 1) {
    const kind = commandKinds[kill % commandKinds.length]!;
    // Each key adds its decryption to every later start.
    const isFresh = kill < commandKinds.length || (kind.startsWith('keys') && kill % 3 === 0);
    const dataDir = isFresh ? temporaryFolder() : folders.get(kind)!;
    if (isFresh) await mlapi(dataDir, ['clients', 'add', 'first']);
    folders.set(kind, dataDir);
    const { done, begun, faults } = await killCommand(dataDir, kind, String(kill));
    record(kind, done, begun === undefined ? 0 : 1, faults);
    process.stdout.write(`${kill + 1} of ${count}: ${kind}, ${done} acknowledged\n`);
    for (const fault of faults) process.stdout.write(`  FAULT ${fault}\n`);
  }
}

// Killed processes do not keep this process running.
const awake = setInterval(() => undefined, 60_000);
const startedAt = new Date();
await Promise.all([killServices(Math.ceil(kills / 2)), killCommands(Math.floor(kills / 2))]);

const faults = [...kinds].flatMap(([kind, found]) => found.faults.map((fault) => `${kind}: ${fault}`));
const rows = [...kinds].map(
  ([kind, found]) =>
    `| ${kind} | ${found.kills} | ${found.underWay} | ${found.acknowledged || ''} | ${found.faults.length} |`,
);
const text = `# kill -9

\`npm run faults -- --kills ${kills}\`, ${startedAt.toISOString().slice(0, 10)}, Node ${process.versions.node}: ${kills} kills at random points, ${faults.length} faults.

After each kill: \`integrity_check\` and \`foreign_key_check\`; every acknowledged write is there, every other one wholly or not at all, with its audit
row; no client has two live heads; no file is left behind; and the service that is started again answers accordingly.

| written when killed | kills | of them with such a write under way | writes acknowledged before | faults |
| --- | --- | --- | --- | --- |
${rows.join('\n')}

${faults.map((fault) => `- ${fault}`).join('\n')}
`;
mkdirSync(folder, { recursive: true });
writeFileSync(`${folder}/kills.md`, `${text.trim()}\n`);
process.stdout.write(text);
clearInterval(awake);
process.exitCode = faults.length > 0 ? 1 : 0;
