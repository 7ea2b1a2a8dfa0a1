import js from '@eslint/js';
import { defineConfig } from 'eslint/config';
import tseslint from 'typescript-eslint';
import { linear } from './.ci/linear-regexes.js';

export default defineConfig(
  { ignores: ['build/', 'coverage/', 'var/', 'node_modules/', '**/.venv/'] },
  js.configs.recommended,
  {
    files: ['**/*.ts'],
    extends: [tseslint.configs.strictTypeChecked, tseslint.configs.stylisticTypeChecked],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      'no-eval': 'error',
      // Loop bounds keep indices within typed arrays.
      '@typescript-eslint/no-non-null-assertion': 'off',
      // Indexed loops are faster where every cell of every row is processed.
      '@typescript-eslint/prefer-for-of': 'off',
      // Libraries return objects that have the shape of their classes.
      '@typescript-eslint/no-unsafe-class-instance-assignment': 'off',
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true }],
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_' }],
      '@typescript-eslint/no-confusing-void-expression': ['error', { ignoreArrowShorthand: true }],
    },
  },
  {
    // Served code reads text from clients, and the client library reads a server's responses.
    files: ['mlapi/**/*.ts', 'application.ts'],
    plugins: { regexes: { rules: { linear } } },
    rules: { 'regexes/linear': 'error' },
  },
  {
    // supertest bodies are untyped; the assertions check them.
    files: ['test/**/*.ts'],
    rules: {
      '@typescript-eslint/no-unsafe-assignment': 'off',
      '@typescript-eslint/no-unsafe-member-access': 'off',
      '@typescript-eslint/no-unsafe-argument': 'off',
      '@typescript-eslint/no-unsafe-call': 'off',
    },
  },
  {
    files: ['**/*.{js,mjs,cjs}'],
    languageOptions: { globals: { process: 'readonly', console: 'readonly', performance: 'readonly' } },
  },
);
