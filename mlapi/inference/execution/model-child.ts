/** Program of a child process: runs one model for its parent, whose pid is the argument, and exits with it. */
import '../../sandbox/lower-priority.ts';
import { Socket } from 'node:net';
import { Worker } from 'node:worker_threads';
import {
  canBeSaid,
  encodeChildMessage,
  maxChildBytes,
  pipeDescriptor,
  type ChildMessage,
  type ParentMessage,
  type WantedOutputs,
} from './child-messages.ts';
import { MessagePipe } from '../../sandbox/message-pipe.ts';
import { ModelWrapper } from './model-wrapper.ts';
import { tooLarge } from '../tensors/output-size.ts';
import type { RunInput } from '../tensors/types.ts';

let model: ModelWrapper;

async function load(message: ParentMessage & { type: 'load' }): Promise<ChildMessage> {
  try {
    model = await ModelWrapper.load(message.path);
    const { metadata } = model;
    if (message.sha256 !== undefined && message.sha256 !== metadata.sha256)
      return { type: 'unusable', reason: 'the model file has changed' };
    if (!canBeSaid(metadata))
      return { type: 'unusable', reason: 'the names and shapes of its inputs and outputs are too long' };
    return { type: 'ready', metadata, rssBytes: rss() };
  } catch (error) {
    return { type: 'unusable', reason: String(error) };
  }
}

async function run({ input, outputName, others }: WantedOutputs & { input: RunInput }): Promise<ChildMessage> {
  try {
    return { type: 'answered', output: await model.run(input, outputName, others), rssBytes: rss() };
  } catch (error) {
    const { message, cause } = error as Error;
    return { type: 'refused', message, cause: String(cause) };
  }
}

function rss(): number {
  return process.memoryUsage.rss();
}

const parent = new MessagePipe(new Socket({ fd: pipeDescriptor }), {
  maxBytes: Infinity,
  onMessage: (message) => void take(message as ParentMessage),
  onClose: () => process.exit(0),
});

async function take(message: ParentMessage): Promise<void> {
  const bytes = encodeChildMessage(await (message.type === 'load' ? load(message) : run(message)));
  // A string may take twice as many bytes as characters.
  if (bytes.length <= maxChildBytes) parent.sendBytes(bytes);
  else
    parent.sendBytes(
      encodeChildMessage({ type: 'refused', message: tooLarge().message, cause: 'too large for a message' }),
    );
}

// Signals of the terminal or service manager are handled by the parent.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => undefined);
// A run blocks this thread, so another thread checks that the parent is alive. It may have exited before this line.
const watch = `setInterval(() => process.ppid === ${Number(process.argv[2])} || process.kill(process.pid, 'SIGKILL'), 1_000)`;
new Worker(watch, { eval: true, execArgv: [] });
