import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ApiError, Client, type NamedRow, type TokenResponse } from '../../../mlapi/client/client.ts';
import { mlapi, serve } from '../../support/child.ts';
import { temporaryFolder } from '../../support/service.ts';
import { entries, type Entry } from './entries.ts';

const clients = 10;
const password = 'a password for the demonstration';

/** The outcome of an entry. */
export interface Verdict {
  readonly entry: Entry;
  readonly sha256?: string;
  readonly refusal?: string;
}

/**
 * A hackathon in one go: clients from a file, versions of models uploaded in parallel, wrong and malicious ones among them; what is
 * good predicts, also after a restart. `print` gets the lines for people. @throws where anything is not as it must be
 */
export async function hackathon(print: (line: string) => void): Promise<Verdict[]> {
  const dataDir = temporaryFolder();
  const variables = { MLAPI_AUTH_RATE_LIMIT_PER_MINUTE: '1000', MLAPI_MODELS_MEMORY_BYTES: '4000000000' };
  await importClients(dataDir);
  print(`${clients} clients imported from a file`);
  const first = await serve(dataDir, { variables });
  const users = Array.from({ length: clients }, (_, index) => login(first.url, index));
  let verdicts: Verdict[];
  try {
    verdicts = await Promise.all(entries.map((entry, index) => enter(entry, users[index % clients]!)));
    for (const { entry, sha256, refusal } of verdicts)
      print(
        `${entry.name} ${entry.version}, ${entry.what}: ${sha256 === undefined ? `refused: ${refusal}` : sha256.slice(0, 12)}`,
      );
    for (const { entry, refusal } of verdicts)
      if ((refusal === undefined) !== entry.isGood) throw new Error(`${entry.what}: ${refusal ?? 'was taken'}`);
    await predictAll(verdicts, users[0]!);
    print('all good ones predicted');
  } finally {
    for (const user of users) user.close();
    await first.service.kill('SIGTERM');
  }
  const second = await serve(dataDir, { variables });
  const kept = new Client({ url: second.url, tokens: await tokens(dataDir) });
  try {
    for (const { entry, sha256 } of verdicts.filter((verdict) => verdict.sha256 !== undefined)) {
      const found = await kept.versions.get(entry.name, entry.version);
      if (found.sha256 !== sha256) throw new Error(`${entry.name} ${entry.version} is another one after the restart`);
    }
    await predictAll(verdicts, kept);
    print('after a restart all of them are there, with the same digests, and predict');
  } finally {
    kept.close();
    await second.service.kill('SIGTERM');
  }
  return verdicts;
}

async function importClients(dataDir: string): Promise<void> {
  const file = join(temporaryFolder(), 'users.csv');
  writeFileSync(file, Array.from({ length: clients }, (_, index) => `team-${index},${password}\n`).join(''));
  const scopes = 'models:read,models:predict,models:write';
  const { code, stderr } = await mlapi(dataDir, ['clients', 'import', file, '--scopes', scopes]);
  if (code !== 0) throw new Error(stderr);
}

function login(url: string, index: number): Client {
  return new Client({ url, username: `team-${index}`, password, timeoutMs: 120_000 });
}

async function tokens(dataDir: string): Promise<TokenResponse> {
  const { stdout } = await mlapi(dataDir, ['tokens', 'issue', 'team-0']);
  return JSON.parse(stdout) as TokenResponse;
}

async function enter(entry: Entry, client: Client): Promise<Verdict> {
  try {
    const { sha256 } = await client.versions.upload(entry.name, entry.version, entry.files);
    return { entry, sha256 };
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    return { entry, refusal: error.message };
  }
}

async function predictAll(verdicts: readonly Verdict[], client: Client): Promise<void> {
  for (const { entry, sha256 } of verdicts) {
    if (sha256 === undefined) continue;
    const { sample } = await client.versions.get(entry.name, entry.version);
    const answer = await client.predict(entry.name, sample as NamedRow, { version: entry.version });
    if (answer.sha256 !== sha256) throw new Error(`${entry.name} ${entry.version} did not answer by itself`);
  }
}
