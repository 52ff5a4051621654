import type { DestinationStream } from 'pino'

/** POSIX's PIPE_BUF on Linux: a pipe that several processes write to keeps longer writes apart for nobody. */
const WHOLE_BYTES = 4096

/**
 * Writes the lines of one turn of the event loop together: a write for each took a tenth of a busy worker's time. What waits
 * is written when the process ends, however it ends by itself.
 */
export function batchLines(destination: DestinationStream): DestinationStream {
  let waiting = ''

  function flush(): void {
    if (waiting === '') return
    const text = waiting
    waiting = ''
    destination.write(text)
  }

  process.on('exit', flush)
  return {
    write(line) {
      // Characters beyond ASCII take up to three bytes; the edge's own lines hold hardly any.
      if (waiting.length + line.length > WHOLE_BYTES) flush()
      if (waiting === '') setImmediate(flush)
      waiting += line
    },
  }
}
