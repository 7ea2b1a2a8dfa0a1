/* The program of a child process: it reads one model folder's contract for the process that started it, and is thrown away. */
import './give-way.ts';
import { readContract } from './contract.ts';
import type { ModelFacts } from './model-facts.ts';
import type { Contract } from './types.ts';

export interface ContractQuestion {
  readonly folder: string;
  readonly input: Pick<ModelFacts, 'inputType' | 'width'>;
}

export type ContractAnswer = { readonly contract: Contract } | { readonly reason: string };

/** The names that the parts of an upload get: those that its contract has for them are its sender's. */
const files = { encoding: 'encoding.csv', sample: 'sample.json' };

function answer({ folder, input }: ContractQuestion): ContractAnswer {
  try {
    return { contract: readContract(folder, input, files) };
  } catch (error) {
    return { reason: error instanceof Error ? error.message : String(error) };
  }
}

process.on('message', (question: ContractQuestion) => process.send!(answer(question)));
process.on('disconnect', () => process.exit(0));
