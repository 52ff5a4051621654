/** Where a run is, on one line of a terminal; one line a scenario elsewhere. */
export type Progress = {
  begin(name: string): void
  tell(text: string): void
  /** Takes the line away. */
  end(): void
}

export function createProgress(stream: NodeJS.WriteStream, total: number): Progress {
  const startedMs = performance.now()
  let done = 0
  let current = ''

  function show(text: string): void {
    const line = `[${done + 1}/${total}] ${current}: ${text}${timeLeft(performance.now() - startedMs, done, total)}`
    stream.write(`\r\x1b[K${line.slice(0, stream.columns - 1)}`)
  }

  return {
    begin(name) {
      current = name
      if (!stream.isTTY) stream.write(`[${done + 1}/${total}] ${name}\n`)
    },
    tell(text) {
      if (stream.isTTY) show(text)
    },
    end() {
      done++
      if (stream.isTTY) stream.write('\r\x1b[K')
    },
  }
}

/** As long as those before took, scenario by scenario. */
export function timeLeft(elapsedMs: number, done: number, total: number): string {
  if (done === 0) return ''
  const leftMs = (elapsedMs / done) * (total - done)
  return leftMs < 60_000 ? ', less than a minute left' : `, about ${Math.round(leftMs / 60_000)} min left`
}
