/** Pauses that can be ended early, all at once. */
export type Pauses = { pause(ms: number): Promise<void>; wake(): void }

export function createPauses(): Pauses {
  const pausing = new Set<() => void>()
  return {
    pause: (ms) =>
      new Promise((resolve) => {
        const end = (): void => {
          clearTimeout(timer)
          pausing.delete(end)
          resolve()
        }
        const timer = setTimeout(end, ms)
        pausing.add(end)
      }),
    wake() {
      for (const end of pausing) end()
    },
  }
}
