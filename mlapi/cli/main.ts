import '../sandbox/inherited-descriptors.ts';
import { exitWithMessage } from '../http/server/service.ts';
import { run } from './commands.ts';

await run(process.argv.slice(2)).catch(exitWithMessage);
