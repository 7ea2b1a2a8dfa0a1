import { readFileSync } from 'node:fs';
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { startModels, contractOf } from './test/support/model-folders.ts';
import { slowFolder } from './test/support/slow-model.ts';
import { identityModel } from './test/support/onnx-builder.ts';
const slow = slowFolder({ executor: 'child' });
const service = await startModels({
  slow: { ...slow, contract: { ...(slow.contract as object), name: 'slow' } },
  quick: { onnx: identityModel(1), contract: contractOf('quick', [{ name: 'a', type: 'number' }]) },
}, { MLAPI_RATE_LIMIT_PER_MINUTE: '10000000' });
const { tokens } = await service.newClient();
const kids = () => service.services.predictors.get('slow').sessions().memory.map(m => Math.round(Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${m.pid}/status`,'utf8'))![1])/1024));
const rss = () => Math.round(process.memoryUsage.rss() / 1048576);
console.log('rss MB before', rss(), kids());
const t = setInterval(() => console.log('rss', rss(), kids()), 5000);
const gen = spawn(process.execPath, ['/tmp/engine-measure/gen.mjs', service.url, tokens.access_token], { stdio: 'inherit' });
gen.on('exit', async () => { clearInterval(t); console.log('rss MB after', rss(), kids()); await service.close(); });
