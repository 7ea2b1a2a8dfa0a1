import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

/** What came in where a contract came without a model: that is on another server. */
export const noFile = { files: [] };

/** Whether a folder's contract may name a model elsewhere. What it really says is read later, by a process of its own. */
export async function mayBeRemote(folder: string): Promise<boolean> {
  const contract = await readFile(join(folder, 'model.json')).catch(() => undefined);
  return contract?.includes('"remote"') ?? false;
}
