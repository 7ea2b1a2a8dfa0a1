import type { Profiler } from 'node:inspector';

type Profile = Profiler.Profile;
type Node = Profiler.ProfileNode;
type CallFrame = Node['callFrame'];

/** A stage, and how to recognise its frames by file or name. The first match counts. */
interface Rule {
  readonly stage: string;
  readonly file?: RegExp;
  readonly name?: RegExp;
}

/**
 * A frame that matches no rule (Node's own, native, a library's) is attributed to its caller. The first rules are for code that has
 * its own stage, whoever calls it.
 */
const rules: readonly Rule[] = [
  { stage: 'idle', name: /^\(idle\)$/ },
  { stage: 'garbage collection', name: /^\(garbage collector\)$/ },
  { stage: 'native, unnamed', name: /^\(program\)$/ },
  {
    stage: 'log',
    file: /\/telemetry\/(?!metrics)|request-log|node_modules\/(?:winston|logform|winston-transport|triple-beam|safe-stable)/,
  },
  { stage: 'metrics', file: /\/telemetry\/metrics/ },
  {
    stage: 'database (revocation)',
    file: /node_modules\/(?:kysely|libsql|@libsql|pg|pg-[a-z]+)\/|mlapi\/persistence\//,
  },
  { stage: 'JSON', file: /mlapi\/http\/strict-json/ },
  {
    stage: 'limit',
    file: /node_modules\/express-rate-limit|mlapi\/http\/[a-z-]*(?:counters|rate-limits)|mlapi\/workers\//,
  },
  { stage: 'guard (tokens)', file: /mlapi\/auth\/|node_modules\/(?:jsonwebtoken|jws|jwa|ecdsa-sig-formatter)\// },
  {
    stage: 'headers',
    file: /node_modules\/(?:helmet|vary)|mlapi\/http\/(?:security-headers|header-list|cors|request-line)/,
  },
  {
    stage: 'body',
    file: /mlapi\/http\/(?:body|collecting-request|streamed-body|client-memory|forms)|node_modules\/(?:body-parser|raw-body|bytes|type-is|iconv-lite)\//,
  },
  {
    stage: 'encoding (preprocess)',
    file: /mlapi\/inference\/preprocessing\//,
  },
  {
    stage: 'run',
    file: /node_modules\/onnxruntime|mlapi\/inference\/(?:model-wrapper|model-process|child-pool|[a-z]+-executor|batcher)/,
  },
  { stage: 'postprocess', file: /mlapi\/inference\/postprocessor/ },
  { stage: 'Open Inference Protocol', file: /mlapi\/oip\// },
  { stage: 'predictor, other inference', file: /mlapi\/inference\// },
  {
    stage: 'validation (query)',
    file: /node_modules\/(?:joi|@hapi|@sideway|@standard-schema)\/|mlapi\/http\/(?:query|validate)/,
  },
  { stage: 'serialise and answer', file: /express\/lib\/response/ },
  { stage: 'serialise and answer', file: /mlapi\/http\//, name: /^(?:send|answer|respond|write)/ },
  {
    stage: 'routing (Express)',
    file: /node_modules\/(?:express|router|finalhandler|path-to-regexp|parseurl|proxy-addr|ipaddr|forwarded|accepts|negotiator|mime-types|send|etag|content-type|qs|encodeurl|on-finished|ee-first|content-disposition|cookie)/,
  },
  { stage: 'own http', file: /mlapi\/http\/|application\.js/ },
];

/** Node's own work, called by none of our code: parsing, sockets, timers. */
const nodeItself = 'HTTP and sockets (Node)';

export interface StageTime {
  readonly stage: string;
  readonly microseconds: number;
}

export interface FunctionTime extends StageTime {
  readonly name: string;
}

/** Self time of every stage and function, in microseconds over the whole profile, largest first. */
export function readProfile(profile: Profile): { stages: StageTime[]; functions: FunctionTime[] } {
  const self = selfTimes(profile);
  const stageOf = stagesOf(profile.nodes);
  const stages = new Map<string, number>();
  const functions = new Map<string, FunctionTime>();
  const callers = new Map(
    profile.nodes.flatMap(({ children = [], callFrame }) => children.map((id) => [id, callFrame])),
  );
  for (const { id, callFrame } of profile.nodes) {
    const microseconds = self.get(id) ?? 0;
    if (microseconds === 0) continue;
    const stage = stageOf.get(id)!;
    stages.set(stage, (stages.get(stage) ?? 0) + microseconds);
    const name = nameOf(callFrame, callers.get(id));
    const key = `${stage}|${name}`;
    functions.set(key, { name, stage, microseconds: (functions.get(key)?.microseconds ?? 0) + microseconds });
  }
  const byTime = (one: { microseconds: number }, other: { microseconds: number }) =>
    other.microseconds - one.microseconds;
  return {
    stages: [...stages].map(([stage, microseconds]) => ({ stage, microseconds })).sort(byTime),
    functions: [...functions.values()].sort(byTime),
  };
}

/** Each sample covers the time until the next. */
function selfTimes({ samples = [], timeDeltas = [] }: Profile): Map<number, number> {
  const self = new Map<number, number>();
  for (const [index, id] of samples.entries()) self.set(id, (self.get(id) ?? 0) + (timeDeltas[index + 1] ?? 0));
  return self;
}

function stagesOf(nodes: readonly Node[]): Map<number, string> {
  const byId = new Map(nodes.map((node) => [node.id, node]));
  const stages = new Map<number, string>();
  const visit = (node: Node, inherited: string | undefined) => {
    const stage =
      stageFor(node.callFrame) ?? inherited ?? (node.callFrame.url.startsWith('node:') ? nodeItself : undefined);
    stages.set(node.id, stage ?? 'other');
    for (const child of node.children ?? []) visit(byId.get(child)!, stage);
  };
  visit(nodes[0]!, undefined);
  return stages;
}

function stageFor({ url, functionName }: CallFrame): string | undefined {
  const fits = ({ file, name }: Rule) =>
    (file === undefined || file.test(url)) && (name === undefined || name.test(functionName));
  return rules.find(fits)?.stage;
}

/** Native code is named by its caller, since the profiler may name any nearby symbol. */
function nameOf({ functionName, url, lineNumber }: CallFrame, caller: CallFrame | undefined): string {
  if (url === '')
    return caller === undefined || caller.url === '' ? functionName : `native code under ${nameOf(caller, undefined)}`;
  const file = url.replace(/^.*\/(?=node_modules\/|build\/)/, '').replace(/^build\//, '');
  return `${functionName || '(anonymous)'} ${file}:${lineNumber + 1}`;
}
