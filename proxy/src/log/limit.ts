const WINDOW_MS = 1000

export type LineLimit = {
  /** May this line be written now? When not, it is counted. */
  admit(): boolean
  /** Reports what was counted since the last report, if anything. */
  flush(): void
}

/**
 * At most `perSecond` lines a second. What is suppressed is reported once a window as a number, also when nothing follows.
 */
export function limitLines(perSecond: number, report: (suppressed: number) => void): LineLimit {
  let admitted = 0
  let suppressed = 0
  let window: NodeJS.Timeout | undefined

  const flush = (): void => {
    clearTimeout(window)
    window = undefined
    admitted = 0
    if (suppressed === 0) return
    const count = suppressed
    suppressed = 0
    report(count)
  }

  return {
    admit() {
      window ??= setTimeout(flush, WINDOW_MS).unref()
      if (admitted < perSecond) {
        admitted += 1
        return true
      }
      suppressed += 1
      return false
    },
    flush,
  }
}
