import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { temporaryFolder } from '../../../support/service.ts';
import { modelFolder } from '../cases.ts';
import { runContests } from '../compare.ts';
import type { Section } from '../report.ts';
import { startService } from '../servers.ts';
import type { Bench } from './scenario.ts';

const many = 100;

/** Do idle models slow down the used ones? */
export async function models({ home, generator, pace, say }: Bench): Promise<Section> {
  const start = (count: number, paths?: readonly string[]) =>
    startService({
      home,
      variables: { MLAPI_MODELS_DIR: copies(count), MLAPI_DEFAULT_MODEL: nameOf(0) },
      ...(paths !== undefined && { paths }),
    });
  const all = Array.from({ length: many }, (_, index) => `/api/models/${nameOf(index)}/predict`);
  const servers = new Map([
    ['1 model', await start(1)],
    [`${many} models`, await start(many)],
    [`${many} models, all asked`, await start(many, all)],
  ]);
  const contest = { title: 'models', cell: { rows: 1, connections: many }, servers, base: '1 model' };
  try {
    const results = await runContests([contest], generator, pace, say);
    const notes = [
      `Copies of the classifier. "${many} models" are loaded, and one is asked; "all asked": each connection asks another.`,
    ];
    return { title: `${many} models beside one`, notes, results, facts: [] };
  } finally {
    for (const server of servers.values()) await server.stop();
  }
}

function copies(count: number): string {
  const folder = temporaryFolder();
  const contract = JSON.parse(readFileSync(join(modelFolder, 'model.json'), 'utf8')) as object;
  for (let index = 0; index < count; index += 1) {
    const name = nameOf(index);
    cpSync(modelFolder, join(folder, name), { recursive: true });
    writeFileSync(join(folder, name, 'model.json'), JSON.stringify({ ...contract, name }));
  }
  return folder;
}

function nameOf(index: number): string {
  return `copy-${index}`;
}
