import { hackathon } from './hackathon.ts';

/* `npm run demo:hackathon` */
// Child processes do not keep this process running.
const alive = setInterval(() => undefined, 60_000);
await hackathon((line) => process.stdout.write(`${line}\n`)).finally(() => clearInterval(alive));
