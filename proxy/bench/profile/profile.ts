/** What V8's profiler writes (Chrome's `Profiler.Profile`). Times are µs of the monotonic clock. */
export type Profile = {
  readonly nodes: readonly ProfileNode[]
  readonly startTime: number
  readonly endTime: number
  /** Ids of nodes, and how long each sample came after the one before. */
  readonly samples: readonly number[]
  readonly timeDeltas: readonly number[]
}

export type ProfileNode = {
  readonly id: number
  readonly callFrame: { functionName: string; url: string; lineNumber: number; columnNumber: number; scriptId: string }
  readonly children?: readonly number[]
}

/** Where nothing is running. */
const IDLE = '(idle)'

/** What a profile saw between two times; the rest is left out. */
export function cut(profile: Profile, fromMicros: number, toMicros: number): Profile {
  const samples: number[] = []
  const timeDeltas: number[] = []
  let at = profile.startTime
  for (const [index, sample] of profile.samples.entries()) {
    const delta = profile.timeDeltas[index] ?? 0
    at += delta
    if (at < fromMicros || at > toMicros) continue
    samples.push(sample)
    timeDeltas.push(delta)
  }
  return { nodes: profile.nodes, startTime: fromMicros, endTime: toMicros, samples, timeDeltas }
}

/** A function as it was called: its own time and that of all that it called, µs. */
export type Frame = { name: string; place: string; selfMicros: number; totalMicros: number; children: Frame[] }

/** The calls of a profile as one tree, without idle time; the longest first. */
export function callTree({ nodes, samples, timeDeltas }: Profile): Frame {
  const self = new Map<number, number>()
  for (const [index, id] of samples.entries()) self.set(id, (self.get(id) ?? 0) + (timeDeltas[index] ?? 0))
  const known = new Map(nodes.map((node) => [node.id, node]))

  function build(node: ProfileNode): Frame {
    const children = merge(
      (node.children ?? []).flatMap((id) => {
        const child = known.get(id)
        return child === undefined || child.callFrame.functionName === IDLE ? [] : [build(child)]
      }),
    )
    const selfMicros = self.get(node.id) ?? 0
    const totalMicros = children.reduce((sum, child) => sum + child.totalMicros, selfMicros)
    return {
      name: node.callFrame.functionName || '(anonymous)',
      place: placeOf(node),
      selfMicros,
      totalMicros,
      children,
    }
  }

  const [root] = nodes
  if (root === undefined) throw new Error('the profile is empty')
  return build(root)
}

/** V8 keeps frames apart by how they were compiled; for a reader they are one. */
function merge(frames: readonly Frame[]): Frame[] {
  const byKey = new Map<string, Frame>()
  for (const frame of frames) {
    if (frame.totalMicros === 0) continue
    const key = `${frame.name} ${frame.place}`
    const same = byKey.get(key)
    if (same === undefined) byKey.set(key, { ...frame })
    else {
      same.selfMicros += frame.selfMicros
      same.totalMicros += frame.totalMicros
      same.children = merge([...same.children, ...frame.children])
    }
  }
  return [...byKey.values()].toSorted((left, right) => right.totalMicros - left.totalMicros)
}

/** `proxy/src/cache/lookup.ts:57`, `node:_http_outgoing:812`, or nothing for what is native. */
function placeOf({ callFrame: { url, lineNumber } }: ProfileNode): string {
  if (url === '') return ''
  const path = url.replace(/^file:\/\/.*?\/(?=proxy\/|node_modules\/|blot-app\/)/, '')
  return `${path}:${lineNumber + 1}`
}

/** Own time of each function, wherever it was called from; the longest first. */
export function selfTimes(root: Frame): { name: string; place: string; micros: number }[] {
  const sums = new Map<string, { name: string; place: string; micros: number }>()
  const waiting = [root]
  for (const frame of waiting) {
    const key = `${frame.name} ${frame.place}`
    const sum = sums.get(key) ?? { name: frame.name, place: frame.place, micros: 0 }
    sum.micros += frame.selfMicros
    sums.set(key, sum)
    waiting.push(...frame.children)
  }
  return [...sums.values()].toSorted((left, right) => right.micros - left.micros)
}
