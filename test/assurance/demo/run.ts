import { hackathon } from './hackathon.ts';

/* `npm run demo:hackathon` */
// The processes that tests start do not keep a process from ending.
const alive = setInterval(() => undefined, 60_000);
await hackathon((line) => process.stdout.write(`${line}\n`)).finally(() => clearInterval(alive));
