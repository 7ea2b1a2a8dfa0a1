import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import ts from 'typescript';
import { serviceName, version } from '../mlapi/version.ts';

interface Import {
  readonly from: string;
  readonly to: string;
  readonly isType: boolean;
}

const foundations = ['commands', 'config', 'http', 'telemetry', 'persistence', 'maintenance', 'sandbox', 'workers'];
/** Every service needs these: tokens and predictions. */
const core = ['auth', 'inference'];
const faces = ['cli', 'docs', 'oip'];
/** The client is copied into other programs, so it imports nothing of the service. */
const library = 'client';

const files = readdirSync('mlapi', { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.ts'))
  .map((name) => join('mlapi', name));
const imports = files.flatMap((file) => readImports(file, readFileSync(file, 'utf8')));
const show = (list: readonly Import[]) => list.map(({ from, to }) => `${from} -> ${to}`);

/** Every relative import of a file: `import`, `export from`, `import()`. `isType`: only types are imported. */
function readImports(file: string, text: string): Import[] {
  const found: Import[] = [];
  const add = (specifier: ts.Node | undefined, isType: boolean) => {
    if (specifier !== undefined && ts.isStringLiteralLike(specifier) && specifier.text.startsWith('.'))
      found.push({ from: file, to: join(dirname(file), specifier.text), isType });
  };
  const visit = (node: ts.Node): void => {
    if (ts.isImportDeclaration(node)) add(node.moduleSpecifier, isTypeImport(node.importClause));
    else if (ts.isExportDeclaration(node)) add(node.moduleSpecifier, node.isTypeOnly);
    else if (ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument)) add(node.argument.literal, true);
    else if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword)
      add(node.arguments[0], false);
    ts.forEachChild(node, visit);
  };
  visit(ts.createSourceFile(file, text, ts.ScriptTarget.Latest, true));
  return found;
}

function isTypeImport(clause: ts.ImportClause | undefined): boolean {
  if (clause === undefined) return false;
  if (clause.phaseModifier === ts.SyntaxKind.TypeKeyword) return true;
  const names = clause.namedBindings;
  if (clause.name !== undefined || names === undefined || !ts.isNamedImports(names)) return false;
  return names.elements.length > 0 && names.elements.every(({ isTypeOnly }) => isTypeOnly);
}

/** `auth` for `mlapi/auth/guard.ts`; undefined for a file outside any folder. */
function folderOf(path: string): string | undefined {
  return /^mlapi\/([^/]+)\//.exec(path)?.[1];
}

/** `mlapi/http/body` for every file in it; a file directly in a top-level folder is its own room. */
function roomOf(path: string): string {
  return /^mlapi\/[^/]+\/[^/]+(?=\/)/.exec(path)?.[0] ?? path;
}

/** @returns the places in an import cycle (types aside), in alphabetical order */
function circles(placeOf: (path: string) => string | undefined): string[] {
  const targets = new Map<string, Set<string>>();
  for (const { from, to, isType } of imports) {
    const [source, target] = [placeOf(from), placeOf(to)];
    if (isType || source === undefined || target === undefined || source === target) continue;
    targets.set(source, (targets.get(source) ?? new Set()).add(target));
  }
  const reaches = (from: string, goal: string, seen = new Set<string>()): boolean =>
    [...(targets.get(from) ?? [])].some(
      (next) => next === goal || (!seen.has(next) && reaches(next, goal, seen.add(next))),
    );
  return [...targets.keys()].filter((place) => reaches(place, place)).sort();
}

function isFeature(folder: string | undefined): boolean {
  return folder !== undefined && ![...foundations, ...faces, library].includes(folder);
}

/** The scan follows ONNX's grammar: graphs have nodes, whose attributes are graphs. */
const circular: readonly string[] = [
  'mlapi/models/scan/rules/attribute-rule.ts',
  'mlapi/models/scan/rules/graph-rule.ts',
  'mlapi/models/scan/rules/node-rule.ts',
];

describe('the direction of imports', () => {
  test('readImports finds every form of import', () => {
    const text = [
      `import a, { type B } from './a.ts';`,
      `import type C from './c.ts';`,
      `import type { D } from './d.ts';`,
      `export { e } from './e.ts';`,
      `export type * from './f.ts';`,
      `const g = await import('./g.ts');`,
      `let h: import('./h.ts').H;`,
      `import './i.ts';`,
    ].join('\n');
    const read = readImports('mlapi/x/x.ts', text).map(({ to, isType }) => [to.at(-4), isType]);
    expect(Object.fromEntries(read)).toEqual({
      a: false,
      c: true,
      d: true,
      e: false,
      f: true,
      g: false,
      h: true,
      i: false,
    });
    expect(imports.length).toBeGreaterThan(100);
  });

  test('config, http, telemetry and persistence import no feature and no face', () => {
    const wrong = imports.filter(({ from, to }) => {
      const target = folderOf(to);
      return foundations.includes(folderOf(from) ?? '') && target !== undefined && !foundations.includes(target);
    });
    expect(show(wrong)).toEqual([]);
  });

  test('the core imports no feature, features import only types from each other, and neither imports a face', () => {
    const wrong = imports.filter(({ from, to, isType }) => {
      const [source, target] = [folderOf(from), folderOf(to)];
      if (!isFeature(source) || target === undefined || source === target) return false;
      if (faces.includes(target) || (core.includes(source!) && isFeature(target) && !core.includes(target)))
        return true;
      const isBuiltUpon = core.includes(target) && !core.includes(source!);
      return isFeature(target) && !isBuiltUpon && !isType;
    });
    expect(show(wrong)).toEqual([]);
  });

  test('the client library imports only types, and only faces import it', () => {
    const wrong = imports.filter(({ from, to, isType }) => {
      const [source, target] = [folderOf(from), folderOf(to)];
      if (source === library) return target !== library && !isType;
      return target === library && !faces.includes(source ?? '');
    });
    expect(show(wrong)).toEqual([]);
  });

  test('only the command line imports the application', () => {
    const importers = imports.filter(({ to }) => to === 'application.ts').map(({ from }) => folderOf(from));
    expect(new Set(importers)).toEqual(new Set(['cli']));
  });

  test('top-level folders have no import cycles, types aside', () => {
    expect(circles(folderOf)).toEqual([]);
  });

  test.each(['auth', 'http', 'inference', 'models', 'telemetry'])('the rooms of %s have no import cycles', (folder) => {
    expect(circles((path) => (folderOf(path) === folder ? roomOf(path) : undefined))).toEqual([]);
  });

  test('files have no import cycles but the known ones', () => {
    expect(circles((path) => path)).toEqual(circular);
  });
});

describe('all files', () => {
  test('are at most 300 lines long', () => {
    const tests = readdirSync('test', { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.ts'))
      .map((name) => join('test', name));
    const long = ['application.ts', ...files, ...tests]
      .map((file) => ({ file, lines: readFileSync(file, 'utf8').trimEnd().split('\n').length }))
      .filter(({ lines }) => lines > 300);
    expect(long).toEqual([]);
  });

  test('the service reports the version and name of package.json', () => {
    expect(JSON.parse(readFileSync('package.json', 'utf8'))).toMatchObject({ version, name: serviceName });
  });
});
