import { spawnSync } from 'node:child_process';
import { expect, test } from '@jest/globals';
import { hasProgram } from '../../support/nginx.ts';
import { temporaryFolder } from '../../support/service.ts';

// The installation itself is tested by test/assurance/deploy/booted.sh, in a booted container.
const testWithShellcheck = hasProgram('shellcheck', 'the check of the shell scripts') ? test : test.skip;
const isRoot = process.getuid?.() === 0;
if (!isRoot) console.warn("NOT RUN: the installer's refusals (they come after the one of whoever is not root)");
const testAsRoot = isRoot && hasProgram('apt-get', "the installer's refusals") ? test : test.skip;

testWithShellcheck('the scripts pass shellcheck', () => {
  const scripts = ['deploy/install.sh', 'test/assurance/deploy/booted.sh'];
  expect(spawnSync('shellcheck', scripts, { encoding: 'utf8' })).toMatchObject({ status: 0, stdout: '' });
});

const install = (words: readonly string[], variables: Readonly<Record<string, string>> = {}) =>
  spawnSync('deploy/install.sh', words, { encoding: 'utf8', env: { PATH: process.env.PATH, ...variables } });
const named = ['--name', 'mlapi.example.com', '--self-signed'];

// Each is refused before anything is changed.
testAsRoot.each<[string, string[], RegExp]>([
  ['no name', ['--self-signed'], /--name takes/],
  ['a name with a quote', ['--name', "a'b", '--self-signed'], /--name takes/],
  ['a name that starts a sed command', ['--name', 'a#g;w /etc/x', '--self-signed'], /--name takes/],
  ['no certificate', ['--name', 'mlapi.example.com'], /--self-signed, or --certificate/],
  ['a missing certificate', ['--name', 'a.example', '--certificate', '/no.pem', '--key', '/no'], /cannot read/],
  ['both kinds of certificate', [...named, '--certificate', '/no.pem'], /goes without/],
  ['a path with a blank', ['--name', 'a.example', '--certificate', '/a b', '--key', '/k'], /absolute paths/],
  ['an unknown option', ['--force'], /unknown option/],
  ['an option without its value', ['--name'], /needs a value/],
  ['--purge alone', ['--purge', ...named], /goes with --uninstall/],
])('refused: %s', (_what, words, message) => {
  expect(install(words)).toMatchObject({ status: 1, stdout: '', stderr: expect.stringMatching(message) });
});

testAsRoot('refused: an old Node, with instructions', () => {
  const old = `${temporaryFolder()}/node`;
  spawnSync('sh', [
    '-c',
    `printf '#!/bin/sh\\n[ "$1" = --version ] && echo v18.19.0; exit 1\\n' >${old} && chmod +x ${old}`,
  ]);
  const { status, stderr } = install(named, { NODE: old });
  expect(status).toBe(1);
  expect(stderr).toMatch(/v18\.19\.0; 20\.12 or newer is needed/);
});
