import { request, type IncomingMessage, type RequestOptions } from 'node:http'
import { createInterface } from 'node:readline'
import type { AdminAddress } from '../config.ts'
import { bracket } from '../config/bracket.ts'
import { AdminRefused, AdminUnavailable, codeOf, ConfigInvalid, type ConfigFault } from '../errors.ts'
import type { CommandContext } from './command.ts'

/** How long the edge may be silent, ms, and how much it may say, characters. */
const limitMs = 5000
const limitLength = 1024 * 1024

/** Where a running edge is asked, and with what. */
export type AdminPlace = { readonly admin: AdminAddress; readonly token: string | undefined }

export type AdminQuestion = {
  readonly method?: 'GET' | 'POST' | 'DELETE'
  readonly path: string
  /** Sent as JSON. */
  readonly body?: unknown
  readonly headers?: Readonly<Record<string, string>>
  /** How long the edge may be silent, ms. */
  readonly silenceMs?: number
  readonly signal?: AbortSignal
}

/** The rest of the configuration may be faulty: it is not needed for that. */
export async function locateAdmin(context: CommandContext): Promise<AdminPlace> {
  const { config, faults } = await context.inspect('run')
  if (config.admin !== undefined) return { admin: config.admin, token: config.adminToken }
  throw new ConfigInvalid(faults.filter(({ variable }) => variable === 'EDGE_ADMIN'))
}

/**
 * One request to the admin API of a running edge.
 * @returns the body of a 2xx answer.
 * Rejects with EDGE_ERR_ADMIN_UNAVAILABLE and what to do, or with EDGE_ERR_ADMIN_REFUSED and the edge's own words.
 */
export async function askAdmin(place: AdminPlace, question: AdminQuestion): Promise<string> {
  return exchange(place, question, readText)
}

/** The same of an answer in lines of JSON, one by one. Ends the request when the caller stops. */
export async function* followAdmin(place: AdminPlace, question: AdminQuestion): AsyncGenerator {
  const stopping = new AbortController()
  const signal = question.signal === undefined ? stopping.signal : AbortSignal.any([question.signal, stopping.signal])
  const accepting = { ...question, signal, accept: 'application/x-ndjson' }
  const response = await exchange(place, accepting, (answered) => Promise.resolve(answered))
  try {
    for await (const line of createInterface({ input: response, crlfDelay: Infinity })) {
      const value: unknown = JSON.parse(line)
      // The status was sent before the failure was known.
      if (typeof value === 'object' && value !== null && 'error' in value) throw failure(value)
      yield value
    }
  } finally {
    stopping.abort()
  }
}

function failure(line: { error?: unknown; code?: unknown; faults?: unknown }): Error {
  if (Array.isArray(line.faults)) return new ConfigInvalid(line.faults as ConfigFault[])
  const { error, code } = line
  return new AdminRefused(typeof code === 'string' ? `${String(error)} (${code})` : String(error))
}

/** Is nobody there? Else the edge is there and something is wrong with it, or with us. */
export function isNobodyThere(error: unknown): boolean {
  return error instanceof AdminUnavailable && isNobody(codeOf(error.cause))
}

async function exchange<Answer>(
  { admin, token }: AdminPlace,
  question: AdminQuestion & { accept?: string },
  read: (response: IncomingMessage) => Promise<Answer>,
): Promise<Answer> {
  const { method = 'GET', path, body, accept = 'application/json' } = question
  const headers = {
    ...question.headers,
    accept,
    ...(token !== undefined && { authorization: `Bearer ${token}` }),
    ...(body !== undefined && { 'content-type': 'application/json' }),
  }
  try {
    const options = { ...targetOf(admin), method, path, headers, agent: false }
    return await send(options, question, read)
  } catch (error) {
    if (error instanceof AdminRefused || question.signal?.aborted) throw error
    const where = admin.kind === 'unix' ? `unix:${admin.path}` : `${bracket(admin.address)}:${admin.port}`
    throw new AdminUnavailable(where, explain(error), { cause: error })
  }
}

/** An edge that listens on every address is asked on loopback. */
function targetOf(admin: AdminAddress): RequestOptions {
  if (admin.kind === 'unix') return { socketPath: admin.path, host: 'localhost' }
  const everywhere = new Map([
    ['::', '::1'],
    ['0.0.0.0', '127.0.0.1'],
  ])
  return { host: everywhere.get(admin.address) ?? admin.address, port: admin.port }
}

function send<Answer>(
  options: RequestOptions,
  { body, silenceMs = limitMs, signal }: AdminQuestion,
  read: (response: IncomingMessage) => Promise<Answer>,
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const asking = request({ ...options, ...(signal !== undefined && { signal }) }, (response) => {
      const { statusCode = 0 } = response
      if (statusCode >= 200 && statusCode < 300) read(response).then(resolve, reject)
      else readText(response).then((text) => reject(refusal(statusCode, text)), reject)
    })
    asking.setTimeout(silenceMs, () => asking.destroy(new Error(`nothing within ${silenceMs} ms`)))
    asking.on('error', reject)
    asking.end(body === undefined ? undefined : JSON.stringify(body))
  })
}

async function readText(response: IncomingMessage): Promise<string> {
  let text = ''
  response.setEncoding('utf8')
  for await (const part of response) {
    text += String(part)
    if (text.length > limitLength) throw new Error('it answers without end')
  }
  return text
}

function refusal(status: number, text: string): Error {
  if (status === 401) return new Error('it wants the token of EDGE_ADMIN_TOKEN')
  const said = wordsOf(text)
  return said === undefined ? new Error(`it answered ${status}`) : new AdminRefused(said)
}

/** @returns undefined for the answer of another program. */
function wordsOf(text: string): string | undefined {
  try {
    const { code, error } = JSON.parse(text) as { code?: unknown; error?: unknown }
    return typeof code === 'string' && typeof error === 'string' ? `${error} (${code})` : undefined
  } catch {
    return undefined
  }
}

function isNobody(code: string): boolean {
  return code === 'ECONNREFUSED' || code === 'ENOENT'
}

function explain(error: unknown): string {
  if (isNobody(codeOf(error))) return 'nobody listens there: is the edge running, and EDGE_ADMIN the same for it?'
  return error instanceof Error ? error.message : String(error)
}
