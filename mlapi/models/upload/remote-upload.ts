import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

/** Whether a folder's contract may name a remote model. A child process parses it later. */
export async function mayBeRemote(folder: string): Promise<boolean> {
  const contract = await readFile(join(folder, 'model.json')).catch(() => undefined);
  return contract?.includes('"remote"') ?? false;
}
