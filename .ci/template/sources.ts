import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import ts from 'typescript';

/** The TypeScript files of a project, with edits in memory. */
export class Sources {
  readonly #texts = new Map<string, { text: string; version: number; isChanged: boolean }>();
  readonly #service: ts.LanguageService;

  constructor(root: string) {
    const { config } = ts.readConfigFile(resolve(root, 'tsconfig.json'), (path) => readFileSync(path, 'utf8')) as {
      config: unknown;
    };
    const { fileNames, options } = ts.parseJsonConfigFileContent(config, ts.sys, root);
    for (const path of fileNames)
      this.#texts.set(path, { text: readFileSync(path, 'utf8'), version: 0, isChanged: false });
    const has = (path: string) => this.#texts.has(path) || existsSync(path);
    this.#service = ts.createLanguageService({
      getCompilationSettings: () => options,
      getScriptFileNames: () => [...this.#texts.keys()],
      getScriptVersion: (path) => String(this.#texts.get(path)?.version ?? 0),
      getScriptSnapshot: (path) => (has(path) ? ts.ScriptSnapshot.fromString(this.#read(path)) : undefined),
      getCurrentDirectory: () => root,
      getDefaultLibFileName: ts.getDefaultLibFilePath,
      fileExists: has,
      readFile: (path) => this.#read(path),
    });
  }

  get paths(): string[] {
    return [...this.#texts.keys()];
  }

  /** The edited files. */
  get changed(): string[] {
    return [...this.#texts].filter(([, { isChanged }]) => isChanged).map(([path]) => path);
  }

  get program(): ts.Program {
    return this.#service.getProgram()!;
  }

  /** The files of the project that a file imports. */
  imports(path: string): string[] {
    return ts
      .preProcessFile(this.text(path), true, true)
      .importedFiles.map(({ fileName }) => resolve(dirname(path), fileName));
  }

  text(path: string): string {
    return this.#texts.get(path)!.text;
  }

  write(path: string, text: string): void {
    const file = this.#texts.get(path)!;
    if (file.text !== text) this.#texts.set(path, { text, version: file.version + 1, isChanged: true });
  }

  delete(path: string): void {
    this.#texts.delete(path);
    rmSync(path);
  }

  diagnostics(path: string): readonly ts.Diagnostic[] {
    return [...this.#service.getSyntacticDiagnostics(path), ...this.#service.getSemanticDiagnostics(path)];
  }

  /** Writes the edited files. @returns the paths */
  save(): string[] {
    for (const path of this.changed) writeFileSync(path, this.text(path));
    return this.changed;
  }

  #read(path: string): string {
    return this.#texts.get(path)?.text ?? readFileSync(path, 'utf8');
  }
}
