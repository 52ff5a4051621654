import type { ServerResponse } from 'node:http'
import { cut } from '../cut.ts'
import type { Exchange } from '../request.ts'
import { renderPage, type PageName } from './pages/page.ts'

/** One of the edge's own answers: whole, small, never stored. */
export type Synthetic = {
  status: number
  contentType: string | undefined
  body: Buffer
  /** Name, value, name, value… */
  headers: readonly string[]
}

/** The side track `synth`: sends an answer that the edge made itself. */
export function synth(exchange: Exchange, answer: Synthetic, common: readonly string[]): void {
  const { response, head } = exchange
  if (response.headersSent) {
    // Too late for a page: the visitor must see the cut.
    cut(response)
    return
  }
  const bare = head.method === 'HEAD'
  const headers = [...answer.headers, ...common, 'Content-Length', String(answer.body.length)]
  if (answer.contentType !== undefined) headers.push('Content-Type', answer.contentType)
  exchange.bytes = bare ? 0 : answer.body.length
  writeHead(exchange, answer.status, headers)
  if (bare) response.end()
  else response.end(answer.body)
}

export type PageDetails = {
  status: number
  page: PageName
  reason: string
  retryAfter?: string
  /** The operator's own words, shown beside the page's. */
  message?: string
  headers?: readonly string[]
}

/** A page of the edge's own, in the form that `Accept` asks for. */
export function synthPage(exchange: Exchange, details: PageDetails, common: readonly string[]): void {
  const { status, page, retryAfter, message } = details
  exchange.reason ??= details.reason
  const { accept } = exchange.head.headers
  const rendered = renderPage(
    page,
    { status, requestId: exchange.head.id, ...(retryAfter && { retryAfter }), ...(message && { message }) },
    accept,
  )
  const headers = ['Cache-Control', 'no-store', 'Vary', 'Accept', ...(details.headers ?? [])]
  if (retryAfter !== undefined) headers.push('Retry-After', retryAfter)
  synth(exchange, { status, contentType: rendered.contentType, body: rendered.body, headers }, common)
}

/** A flat header list through Node's compatibility API, which has the same call under two types. */
function writeHead(exchange: Exchange, status: number, headers: string[]): void {
  const response = exchange.response as ServerResponse
  response.writeHead(status, headers)
}
