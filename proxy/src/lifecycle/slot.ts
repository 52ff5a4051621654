import { edgeChannel } from '../events.ts'
import type { Child, ChildRole } from './child.ts'
import type { ProcessName } from './messages.ts'

/** The place of one process in its generation. Whoever ends there is replaced, once it has served. */
export type Slot = {
  child(): Child | undefined
  /** Starts its first process; resolves when that is ready, and rejects when it cannot be. */
  open(): Promise<void>
  /** From now on whoever has this place serves, and is replaced when it ends. Rejects when the first one cannot serve. */
  serve(): Promise<void>
  /** The same where nobody is yet: one is started, and another one for as long as none comes up. */
  keep(): void
  /** Nobody is started here any more. */
  retire(): void
}

/** A process that ends is replaced after 0.1 s, doubled up to 10 s for each one that did not last. */
const RESTART_MS = 100
const RESTART_MAX_MS = 10_000
const LASTED_MS = 10_000
/** So many that did not last are more than bad luck: from then on one a minute is tried, for as long as it takes. */
const MANY = 10
const RARE_MS = 60_000

const faults = edgeChannel('fault')

export type SlotOptions = {
  role: ChildRole
  name: ProcessName
  /** Starts a process, which answers nobody yet. May throw: no memory, no process to be had. */
  start(): Child
  onServing(child: Child): void
}

export function createSlot({ role, name, start, onServing }: SlotOptions): Slot {
  let child: Child | undefined
  let isServing = false
  let isRetired = false
  /** How many in a row did not last. */
  let failures = 0
  let timer: NodeJS.Timeout | undefined

  function begin(): Child {
    const begun = start()
    child = begun
    const startedMs = performance.now()
    void begun.ended.then((how) => {
      if (!isServing || isRetired || child !== begun) return
      faults.publish({ area: role, message: 'process ended', error: how, name })
      if (performance.now() - startedMs > LASTED_MS) failures = 0
      startLater()
    })
    return begun
  }

  function startLater(): void {
    failures += 1
    const waitMs = failures > MANY ? RARE_MS : Math.min(RESTART_MS * 2 ** (failures - 1), RESTART_MAX_MS)
    if (failures > MANY) {
      const error = `${failures} in a row did not last: the next one is started in ${waitMs / 1000} s`
      faults.publish({ area: role, message: 'process does not stay', error, name })
    }
    timer = setTimeout(() => void replace(), waitMs)
  }

  async function replace(): Promise<void> {
    let begun: Child | undefined
    try {
      begun = begin()
      await begun.ready
      if (isRetired) return
      await begun.serve()
      if (!isRetired) onServing(begun)
    } catch (error) {
      // One that was started tells of its end, and is replaced then.
      if (begun !== undefined) begun.kill()
      else {
        faults.publish({ area: role, message: 'process could not be started', error, name })
        startLater()
      }
    }
  }

  return {
    child: () => child,
    open: () => begin().ready,
    async serve() {
      const first = child
      if (first === undefined || first.state === 'stopped')
        throw new Error(await (first?.ended ?? 'it was not started'))
      await first.serve()
      isServing = true
      onServing(first)
    },
    keep() {
      isServing = true
      void replace()
    },
    retire() {
      isRetired = true
      clearTimeout(timer)
    },
  }
}
