import { readdirSync, readFileSync } from 'node:fs';

/** The pages that people read. */
export const pages = [
  'README.md',
  'deploy/README.md',
  'files/training/README.md',
  ...readdirSync('files')
    .filter((name) => name.endsWith('.md'))
    .map((name) => `files/${name}`),
];

interface Block {
  /** As the fence names it; empty where it names none. */
  readonly language: string;
  readonly lines: string;
}

/** The fenced blocks of a page, in their order. */
export function blocksOf(path: string): Block[] {
  const fenced = /^```(\w*)\n([^]*?)^```$/gm;
  return [...readFileSync(path, 'utf8').matchAll(fenced)].map(([, language = '', lines = '']) => ({ language, lines }));
}
