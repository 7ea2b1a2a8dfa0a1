import { readdirSync, readFileSync } from 'node:fs';

/** The Markdown pages. */
export const pages = [
  'README.md',
  'deploy/README.md',
  'files/training/README.md',
  ...readdirSync('files')
    .filter((name) => name.endsWith('.md'))
    .map((name) => `files/${name}`),
];

interface Block {
  /** The language of the fence; empty if it has none. */
  readonly language: string;
  readonly lines: string;
}

/** The fenced blocks of a page, in order. */
export function blocksOf(path: string): Block[] {
  const fenced = /^```(\w*)\n([^]*?)^```$/gm;
  return [...readFileSync(path, 'utf8').matchAll(fenced)].map(([, language = '', lines = '']) => ({ language, lines }));
}
