import { existsSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { filesUnder } from './project-files.ts';

const folder = 'test/assurance';
const asvs = 'files/asvs.md';

/** What was removed of the evidence about the service as a whole. */
export interface Dropped {
  /** Names of folders in `test/assurance/`. */
  readonly folders: readonly string[];
  readonly isAsvsDropped: boolean;
}

/**
 * Each folder of programs that test the service as a whole is kept unchanged, or removed. So is the ASVS table, whose counts would be
 * wrong. The table of attacks loses rows, so the test that compares it with the list of all cases is removed.
 */
export function dropAssurance(root: string, wordsOf: (path: string) => RegExp | undefined): Dropped {
  if (!existsSync(join(root, folder))) return { folders: [], isAsvsDropped: false };
  const mentions = (path: string) => wordsOf(path)?.test(readFileSync(join(root, path), 'utf8')) === true;
  const folders = readdirSync(join(root, folder)).filter(
    (name) => name !== 'attacks' && filesUnder(root, `${folder}/${name}`).some(mentions),
  );
  for (const name of folders) rmSync(join(root, folder, name), { recursive: true });
  const isDropped = (path: string) =>
    existsSync(join(root, path)) &&
    (mentions(path) || folders.some((name) => readFileSync(join(root, path), 'utf8').includes(`${name}/`)));
  if (isDropped(`${folder}/attacks/README.md`)) rmSync(join(root, folder, 'attacks/table.test.ts'), { force: true });
  const isAsvsDropped = isDropped(asvs);
  if (isAsvsDropped)
    for (const path of [asvs, `${folder}/supply/asvs.test.ts`]) rmSync(join(root, path), { force: true });
  return { folders, isAsvsDropped };
}

/** Returns the words by which pages name removed programs: folders, headings of sections, scripts. */
export function wordsOfPrograms({ folders, isAsvsDropped }: Dropped, scripts: readonly string[]): RegExp {
  const words = [
    ...folders.flatMap((name) => [
      `test/assurance/${name}\\b`,
      `\\.\\./${name}/[\\w.-]+\\.(?:test|bench)\\.ts`,
      `\\(#${name}(?:mark)?\\b`,
      `^#+ ${name}(?:mark)?\\b`,
    ]),
    ...scripts.map((name) => `npm run ${name}\\b`),
    ...(isAsvsDropped ? ['\\basvs\\.md'] : []),
  ];
  return new RegExp(words.join('|') || '(?!)', 'i');
}
