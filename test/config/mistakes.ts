import { ConfigError } from '../../mlapi/config/read-variables.ts';
import { readConfig } from '../../mlapi/configuration.ts';
import { temporaryFolder } from '../support/service.ts';

/** @returns the configuration errors of an environment; none if it is valid */
export function mistakes(environment: Record<string, string>, root = temporaryFolder()): readonly string[] {
  try {
    readConfig(environment, root);
    return [];
  } catch (error) {
    if (error instanceof ConfigError) return error.mistakes;
    throw error;
  }
}
