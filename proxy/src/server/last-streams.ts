import type { Http2Session, ServerHttp2Stream } from 'node:http2'

/** A session that is not to go on. */
export type Leaving = {
  /** For a new stream: it is answered once the session has said that it is one of the last. */
  hold(stream: ServerHttp2Stream, answer: () => void): void
  /** An answer is out, upon which the visitor may ask something else. */
  answered(): void
}

export type LeavingLimits = {
  /** How long nothing may begin or end before the round trip that has to be as quiet. */
  quietMs: number
  /** How long requests may be held back. */
  holdMs: number
}

export const LEAVING_LIMITS: LeavingLimits = { quietMs: 25, holdMs: 1000 }

/**
 * How a session of HTTP/2 ends. RFC 9113 6.8 would have it say GOAWAY twice, the first time without refusing anything. Node
 * cannot: after a GOAWAY of any kind, it drops new streams unseen (nghttp2 has a call for that notice, which Node does not
 * make). So there is one, when it is likely that no stream is on its way: from the drain on, new ones are held back, until
 * for a moment and a round trip (PING) none began and none was answered; then GOAWAY names the last of them, and they are
 * answered. A stream that comes later all the same was not acted on, as GOAWAY tells its visitor, who may ask again elsewhere.
 */
export function leave(session: Http2Session, { quietMs, holdMs }: LeavingLimits): Leaving {
  const held: { stream: ServerHttp2Stream; answer: () => void }[] = []
  let changes = 0
  let limit: NodeJS.Timeout | undefined
  let isOver = false

  function begin(): void {
    limit = setTimeout(sayGoodbye, holdMs)
    awaitQuiet()
  }

  function awaitQuiet(): void {
    const seen = changes
    const judge = (): void => (changes === seen ? sayGoodbye() : awaitQuiet())
    setTimeout(() => {
      // Frames that came together with the answer are read by then: GOAWAY must not leave out one of them.
      const isAsked = !session.destroyed && session.ping(() => setImmediate(judge))
      if (!isAsked) sayGoodbye()
    }, quietMs)
  }

  function sayGoodbye(): void {
    if (isOver) return
    isOver = true
    clearTimeout(limit)
    session.close()
    for (const { stream, answer } of held) if (!stream.destroyed) answer()
  }

  return {
    hold(stream, answer) {
      if (isOver) {
        answer()
        return
      }
      changes++
      held.push({ stream, answer })
      if (limit === undefined) begin()
    },
    answered: () => void changes++,
  }
}
