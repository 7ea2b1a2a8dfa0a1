/* The program of a child process: it reads one model folder's contract for the process that started it, and is thrown away. */
import { readContract } from './contract.ts';
import type { Contract } from './types.ts';

export interface ContractQuestion {
  readonly folder: string;
  readonly width: number | undefined;
}

export type ContractAnswer = { readonly contract: Contract } | { readonly reason: string };

function answer({ folder, width }: ContractQuestion): ContractAnswer {
  try {
    return { contract: readContract(folder, width) };
  } catch (error) {
    return { reason: error instanceof Error ? error.message : String(error) };
  }
}

process.on('message', (question: ContractQuestion) => process.send!(answer(question)));
process.on('disconnect', () => process.exit(0));
