/** A model in memory or being loaded. */
export interface Holder {
  /** Id of the owning client; empty for operators. */
  readonly owner: string;
  readonly bytes: number;
  /** By `performance.now()`. */
  readonly usedMs: number;
  /** Whether it is computing. */
  readonly isBusy: boolean;
}

/** A model used more recently is unloaded only for an owner with less memory: otherwise models would keep displacing each other. */
const leastIdleMs = 1_000;

/**
 * Chooses the model to unload so that another can be loaded. Owners furthest above an equal share come first, and of each owner the least
 * recently used model. A model in use is chosen only if its owner is above the share while the newcomer's is not, or still keeps at least
 * as much as the newcomer's owner gets.
 * @param holders models that can be unloaded, without the newcomer
 * @param all all models, including those that cannot be unloaded and the newcomer
 * @returns undefined if the newcomer has to wait
 */
export function chooseLeaver<T extends Holder>(
  holders: readonly T[],
  newcomer: Pick<Holder, 'owner'>,
  { all, totalBytes, nowMs }: { all: readonly Holder[]; totalBytes: number; nowMs: number },
): T | undefined {
  const used = usageOf(all);
  const share = totalBytes / used.size;
  const bytesOf = ({ owner }: Pick<Holder, 'owner'>) => used.get(owner) ?? 0;
  const excessOf = (holder: Holder) => Math.max(0, bytesOf(holder) - share);
  const mine = bytesOf(newcomer);
  const mayLeave = (holder: Holder) => {
    const idleMs = holder.isBusy ? 0 : nowMs - holder.usedMs;
    if (idleMs > leastIdleMs) return true;
    if (holder.owner === newcomer.owner) return false;
    const isOver = bytesOf(holder) > share && mine <= share;
    return isOver || bytesOf(holder) - holder.bytes >= mine;
  };
  return [...holders].sort((a, b) => excessOf(b) - excessOf(a) || a.usedMs - b.usedMs).find(mayLeave);
}

/**
 * Chooses the model to stop when all together exceed the memory limit: of the owner who uses most, the least recently used idle model, or
 * if all are computing, the largest.
 * @returns undefined while the limit is not exceeded
 */
export function chooseEnded<T extends Holder>(holders: readonly T[], totalBytes: number): T | undefined {
  const used = usageOf(holders);
  let sum = 0;
  for (const bytes of used.values()) sum += bytes;
  if (sum <= totalBytes) return undefined;
  const [[owner] = ['']] = [...used].sort(([, a], [, b]) => b - a);
  const [first] = holders
    .filter((holder) => holder.owner === owner)
    .sort((a, b) => Number(a.isBusy) - Number(b.isBusy) || (a.isBusy ? b.bytes - a.bytes : a.usedMs - b.usedMs));
  return first;
}

function usageOf(holders: readonly Holder[]): Map<string, number> {
  const used = new Map<string, number>();
  for (const { owner, bytes } of holders) used.set(owner, (used.get(owner) ?? 0) + bytes);
  return used;
}
