import type { IncomingHttpHeaders } from 'node:http'
import { AcmeProblem, type AcmeProblemFields } from '../../../errors.ts'
import type { RawAnswer } from './transport.ts'

type Fields = Readonly<Record<string, unknown>>

const URN = 'urn:ietf:params:acme:error:'
const MAX_DETAIL = 1_000
const MAX_SUBPROBLEMS = 100
/** Longer than any CA's window; a date in the far future is a slip. */
const MAX_RETRY_AFTER_MS = 8 * 24 * 3600_000

/** What an answer with an error status says (RFC 7807, RFC 8555 6.7), also when it is no problem document. */
export function problemOfAnswer(answer: RawAnswer, nowMs: number): AcmeProblem {
  const document = parseObject(answer.text)
  const retryAfterMs = retryAfterOf(answer.headers, nowMs)
  const { status } = answer
  if (typeof document?.['type'] === 'string') return new AcmeProblem({ ...fieldsOf(document), status, retryAfterMs })
  const kind = kindOfStatus(status)
  return new AcmeProblem({ kind, status, detail: `HTTP ${status} without a reason`, retryAfterMs })
}

/** What stands in the `error` of an order or a challenge that became invalid. @param name that it is about. */
export function problemOfError(error: unknown, name: string): AcmeProblem {
  if (!isObject(error)) {
    return new AcmeProblem({ kind: 'unauthorized', status: 0, detail: `the CA refused ${name} without a reason` })
  }
  const fields = fieldsOf(error)
  const own = { name, kind: fields.kind, detail: fields.detail }
  return new AcmeProblem({ ...fields, subproblems: fields.subproblems ?? [own] })
}

function fieldsOf(document: Fields): AcmeProblemFields {
  const { status, subproblems } = document
  const listed = Array.isArray(subproblems) ? subproblems.slice(0, MAX_SUBPROBLEMS).filter(isObject) : []
  return {
    kind: kindOf(document['type']),
    status: typeof status === 'number' ? status : 0,
    detail: detailOf(document),
    ...(listed.length > 0 && { subproblems: listed.map(subproblemOf) }),
  }
}

/** RFC 8555 6.7.1. */
function subproblemOf(document: Fields): { name: string; kind: string; detail: string } {
  const { identifier } = document
  const name = isObject(identifier) ? textOf(identifier['value']) : ''
  return { name, kind: kindOf(document['type']), detail: detailOf(document) }
}

function detailOf(document: Fields): string {
  return textOf(document['detail']) || textOf(document['title']) || 'no reason given'
}

function kindOf(type: unknown): string {
  const text = textOf(type)
  return (text.startsWith(URN) ? text.slice(URN.length) : text) || 'malformed'
}

function kindOfStatus(status: number): string {
  if (status === 429) return 'rateLimited'
  if (status >= 500) return 'serverInternal'
  return status === 401 || status === 403 ? 'unauthorized' : 'malformed'
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value.slice(0, MAX_DETAIL) : ''
}

/** Seconds or a date (RFC 9110 10.2.3). @returns undefined for none, or for one that is neither. */
export function retryAfterOf(headers: IncomingHttpHeaders, nowMs: number): number | undefined {
  const text = headers['retry-after']
  if (text === undefined) return undefined
  const ms = /^\d{1,10}$/.test(text) ? Number(text) * 1_000 : Date.parse(text) - nowMs
  return Number.isNaN(ms) ? undefined : Math.min(Math.max(ms, 0), MAX_RETRY_AFTER_MS)
}

/** @returns undefined for text that is no JSON object. */
export function parseObject(text: string): Fields | undefined {
  try {
    const value: unknown = JSON.parse(text)
    return isObject(value) ? value : undefined
  } catch {
    return undefined
  }
}

function isObject(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
