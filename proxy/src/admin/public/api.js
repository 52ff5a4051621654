const TOKEN = 'blot-edge-token'

/** The edge does not know the token that was sent, or wants one. */
export class TokenNeeded extends Error {}

export function keepToken(token) {
  sessionStorage.setItem(TOKEN, token)
}

export function hasToken() {
  return sessionStorage.getItem(TOKEN) !== null
}

async function get(path, accept, options = {}) {
  const token = sessionStorage.getItem(TOKEN)
  const headers = { accept, ...options.headers, ...(token === null ? {} : { authorization: `Bearer ${token}` }) }
  const response = await fetch(path, { ...options, headers })
  if (response.status === 401) throw new TokenNeeded('a token is needed')
  if (!response.ok) throw new Error(`${path} answered ${response.status}`)
  return response
}

export async function getJson(path) {
  const response = await get(path, 'application/json', { signal: AbortSignal.timeout(5000) })
  return response.json()
}

/**
 * Follows `GET /events` until it ends. EventSource cannot send a token, so this reads the stream itself.
 * @param lastId where an earlier connection stopped.
 * @param listener is called with each event and its id.
 */
export async function followEvents(lastId, listener) {
  const response = await get('/events', 'text/event-stream', { headers: lastId ? { 'last-event-id': lastId } : {} })
  let rest = ''
  for await (const text of response.body.pipeThrough(new TextDecoderStream())) {
    const frames = (rest + text).split('\n\n')
    rest = frames.pop()
    for (const frame of frames) {
      const fields = Object.fromEntries(frame.split('\n').map((line) => line.split(/: (.*)/s, 2)))
      if (fields.data !== undefined) listener(JSON.parse(fields.data), fields.id)
    }
  }
}
