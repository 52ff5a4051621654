import type { RequestHead } from '../request.ts'

/** What a class of requests may take: time in ms, each between two signs of life, and bytes of body. */
export type RequestClass = {
  /** For the upstream to take more of the body. */
  readonly sendMs: number
  /** For the upstream to begin its answer, and to go on with it. */
  readonly readMs: number
  /** For the visitor to send more of the body. */
  readonly bodyMs: number
  readonly maxBodyBytes: number
}

const KB = 1024
const MB = 1024 * KB
const SECOND = 1000
const MINUTE = 60 * SECOND

/** How long streams and tunnels may be silent. */
export const STREAM_MS = 24 * 60 * MINUTE

export const ORDINARY: RequestClass = {
  sendMs: 10 * SECOND,
  readMs: 15 * SECOND,
  bodyMs: 10 * SECOND,
  maxBodyBytes: MB,
}
const FORM: RequestClass = { ...ORDINARY, maxBodyBytes: 4 * KB }
const UPLOAD: RequestClass = { sendMs: 3 * MINUTE, readMs: 3 * MINUTE, bodyMs: MINUTE, maxBodyBytes: 1000 * MB }
const PUSH: RequestClass = { ...UPLOAD, maxBodyBytes: 2000 * MB }
const STREAM: RequestClass = { ...UPLOAD, readMs: STREAM_MS, maxBodyBytes: 100 * MB }

/** For an app that is not Blot, on its developer's machine: nothing is known of its paths, and a debugger takes its time. */
export const FOREIGN: RequestClass = { ...STREAM, maxBodyBytes: 2000 * MB }

/** Paths of the main site, the first that fits counts. A folder's path ends in a slash and stands for itself too. */
const MAIN_SITE: readonly (readonly [path: string, RequestClass])[] = [
  ['/log-in', FORM],
  ['/sign-up', FORM],
  ['/reset-password', FORM],
  ['/clients/git/', PUSH],
  ['/clients/', UPLOAD],
  ['/dashboard/', UPLOAD],
  ['/sites/', UPLOAD],
]

/** Which class a request is of. Paths are compared as sent: one that is written oddly is an ordinary one. */
export function classOf({ site, target, headers }: RequestHead): RequestClass {
  if (site.streaming) return STREAM
  const byPath = site.kind === 'main' ? classOfPath(target) : ORDINARY
  return isEventStream(headers.accept) ? { ...byPath, readMs: STREAM_MS } : byPath
}

/** Is this the media type of server-sent events, or a list that names it? */
export function isEventStream(mediaType: string | undefined): boolean {
  return mediaType?.toLowerCase().includes('text/event-stream') ?? false
}

function classOfPath(target: string): RequestClass {
  const query = target.indexOf('?')
  const path = query === -1 ? target : target.slice(0, query)
  const found = MAIN_SITE.find(([known]) =>
    known.endsWith('/') ? path.startsWith(known) || path === known.slice(0, -1) : path === known,
  )
  return found?.[1] ?? ORDINARY
}
