import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { expect, test } from '@jest/globals';

test('a descriptor that the service inherited does not reach the processes that it starts', () => {
  const open = (modules: string, ...words: readonly string[]) =>
    execFileSync(
      'bash',
      [
        ...['-c', 'exec 200</; exec "$@"', 'bash', process.execPath, '--import', 'tsx', '--input-type=module', '-e'],
        `${modules}; import { execFileSync } from 'node:child_process'; execFileSync('ls', ['/proc/self/fd'], { stdio: 'inherit' });`,
        ...words,
      ],
      { encoding: 'utf8' },
    ).split('\n');

  expect(open('')).toContain('200');
  const closing = "import './mlapi/sandbox/inherited-descriptors.ts'";
  expect(open(closing)).not.toContain('200');
  expect(open(closing, '/dev/fd/200')).toContain('200');
});

test.each(['serve', 'dev', 'main'])('mlapi/cli/%s.ts closes them before it does anything else', (name) => {
  const [first] = /^import .*$/m.exec(readFileSync(`mlapi/cli/${name}.ts`, 'utf8')) ?? [];

  expect(first).toBe("import '../sandbox/inherited-descriptors.ts';");
});
