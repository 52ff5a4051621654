import { createHash, createHmac } from 'node:crypto'
import { ask } from './ask.ts'
import { inPieces, wholeBody } from './bodies.ts'
import { contentOf, digestOf, pageOf } from './content.ts'
import { followEvents } from './events.ts'
import { oneOf, type Visitor } from './visitor.ts'
import { converse } from './websocket.ts'

/** What visitors do: each function is done once, and comes back when it is over. */

const KB = 1024
const PAGES = 40
const CONTENTS = 8
const SLOW_LIMIT_MS = 120_000

function askPage(visitor: Visitor, path: string, untimed = false): Promise<boolean> {
  const { host } = visitor
  const digest = createHash('sha256').update(pageOf(host, path)).digest('hex')
  return ask(visitor, { method: 'GET', host, path }, { digest, untimed })
}

/** Pages that may be stored. With a query, they are the edge's to store, and no page files of the app. */
function pages(visitor: Visitor): Promise<boolean> {
  return askPage(visitor, `/page/${oneOf(visitor, PAGES)}?v=1`)
}

/** Answers that may not be stored. */
function answers(visitor: Visitor): Promise<boolean> {
  return askPage(visitor, `/answer/${visitor.nextId()}`)
}

/** Answers that the app thinks about. */
function thoughts(visitor: Visitor): Promise<boolean> {
  return askPage(visitor, `/slow/${500 + oneOf(visitor, 2500)}/${visitor.nextId()}`, true)
}

function uploads(visitor: Visitor): Promise<boolean> {
  const seed = `upload ${oneOf(visitor, CONTENTS)}`
  const bytes = 512 * KB
  const question = {
    method: 'POST',
    host: visitor.host,
    path: '/upload',
    body: wholeBody(contentOf(seed, bytes)),
  } as const
  return ask(visitor, question, { digest: sha256(digestOf(seed, bytes)) })
}

/** Over four seconds, to the site whose uploads may take long. */
function slowUploads(visitor: Visitor): Promise<boolean> {
  const seed = `slow upload ${oneOf(visitor, CONTENTS)}`
  const bytes = 320 * KB
  const body = inPieces(contentOf(seed, bytes), 16 * KB, 200)
  const question = {
    method: 'POST',
    host: visitor.host,
    path: '/clients/upload',
    body,
    limitMs: SLOW_LIMIT_MS,
  } as const
  return ask(visitor, question, { digest: sha256(digestOf(seed, bytes)), untimed: true })
}

function downloads(visitor: Visitor): Promise<boolean> {
  const seed = `download-${oneOf(visitor, CONTENTS)}`
  const bytes = 1024 * KB
  const question = { method: 'GET', host: visitor.host, path: `/download/${bytes}/${seed}` } as const
  return ask(visitor, question, { digest: digestOf(seed, bytes) })
}

/** Over four seconds and more: larger than all buffers on the way. */
function slowDownloads(visitor: Visitor): Promise<boolean> {
  const seed = `slow-${oneOf(visitor, CONTENTS)}`
  const bytes = 8192 * KB
  const path = `/download/${bytes}/${seed}`
  const question = { method: 'GET', host: visitor.host, path, limitMs: SLOW_LIMIT_MS } as const
  return ask(visitor, question, {
    digest: digestOf(seed, bytes),
    sips: { bytes: 512 * KB, restMs: 250 },
    untimed: true,
  })
}

/** What the app must do exactly once. */
async function posts(visitor: Visitor): Promise<void> {
  const id = visitor.nextId()
  const [before, after] = [oneOf(visitor, 20), oneOf(visitor, 60)]
  const path = `/act/${id}?before=${before}&after=${after}`
  const body = wholeBody(Buffer.from(`id=${id}`))
  const digest = sha256(`acted ${id}`)
  const isAcked = await ask(visitor, { method: 'POST', host: visitor.host, path, body }, { digest })
  visitor.world.note(`${isAcked ? 'acked' : 'unsure'} post ${id}`)
}

/** What the app must hear of, however long it takes. */
async function webhooks(visitor: Visitor): Promise<void> {
  const { world, host } = visitor
  const id = visitor.nextId()
  const content = Buffer.from(JSON.stringify({ id, list_folder: { accounts: [`dbid:${id}`] } }))
  const signature = createHmac('sha256', world.secret).update(content).digest('hex')
  const headers = { 'content-type': 'application/json', 'x-dropbox-signature': signature }
  const question = {
    method: 'POST',
    host,
    path: '/clients/dropbox/webhook',
    headers,
    body: wholeBody(content),
  } as const
  const isAcked = await ask(visitor, question, { digest: undefined })
  world.note(`${isAcked ? 'acked' : 'unsure'} webhook ${id}`)
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex')
}

export const KINDS = {
  pages,
  answers,
  /** After pauses in which the server may have closed the connection. */
  returns: answers,
  thoughts,
  uploads,
  slowUploads,
  downloads,
  slowDownloads,
  posts,
  webhooks,
  websockets: converse,
  events: followEvents,
} as const satisfies Record<string, (visitor: Visitor) => Promise<unknown>>

export type Kind = keyof typeof KINDS
