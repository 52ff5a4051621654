import { parentPort } from 'node:worker_threads'
import { parseSource, type ParsedSource } from './parse-source.ts'
import { SourceFault } from './source-fault.ts'

export interface ParseRequest {
  readonly source: string
  readonly content: Uint8Array
}

export type ParseAnswer = { readonly parsed: ParsedSource } | { readonly fault: string }

parentPort?.on('message', (request: ParseRequest) => {
  parentPort?.postMessage(answer(request), [])
})

// The first message says that everything is loaded.
parentPort?.postMessage('ready', [])

function answer({ source, content }: ParseRequest): ParseAnswer {
  try {
    return { parsed: parseSource(source, content) }
  } catch (error) {
    if (error instanceof SourceFault) return { fault: error.message }
    // The libraries answer the oddest input with a RangeError and the like: that is one file's fault, not ours.
    return { fault: `The file cannot be read as Markdown: ${String(error)}` }
  }
}
