import { readFileSync } from 'node:fs';
import { expect, test } from '@jest/globals';
import { variables } from '../../mlapi/configuration.ts';

test('files/.env.example lists every variable with its help and default, and sets none', () => {
  const expected = [
    '# Copy this file to .env at the root, and uncomment what shall differ from the defaults.',
    '# NODE_ENV=production refuses the conveniences of development.',
    '',
    ...variables.flatMap(({ name, help, shownDefault }) => [
      `# ${help.replaceAll('`', '')}`,
      `#${name}=${shownDefault}`,
      '',
    ]),
  ].join('\n');

  expect(readFileSync('files/.env.example', 'utf8')).toBe(expected);
});
