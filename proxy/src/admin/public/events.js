const MAX_SHOWN = 50

const find = (id) => document.getElementById(id)

/** Puts one event of the edge on top of the list where it belongs. */
export function showEvent(event) {
  const entry = describe(event)
  if (entry === undefined) return
  const list = find(entry.list)
  list.querySelector('.empty')?.remove()
  // One line a certificate: what became of it takes the place of `obtaining`.
  if (event.type === 'certificate') {
    Array.from(list.children)
      .find((other) => other.dataset.name === event.name)
      ?.remove()
  }
  const made = item(entry, event.timeMs)
  made.dataset.name = event.name ?? ''
  list.prepend(made)
  while (list.children.length > MAX_SHOWN) list.lastElementChild.remove()
}

export function showNoEvents() {
  for (const id of ['certificates', 'faults']) {
    const empty = document.createElement('li')
    empty.className = 'empty'
    empty.textContent = 'None yet.'
    find(id).replaceChildren(empty)
  }
}

function describe(event) {
  switch (event.type) {
    case 'certificate':
      return {
        list: 'certificates',
        tone: { obtaining: 'warm', obtained: 'good', failed: 'bad' }[event.phase],
        text: event.name,
        detail: [event.phase, `from ${event.issuer}`, event.reason],
      }
    case 'fault':
      return { list: 'faults', tone: 'bad', text: event.message, detail: [event.name, event.code, event.detail] }
    case 'webhook':
      if (event.phase === 'kept' || event.phase === 'delivered') return undefined
      return {
        list: 'faults',
        tone: event.phase === 'dead' ? 'bad' : 'warm',
        text: `webhook ${event.phase}`,
        detail: [event.path, event.id, event.reason],
      }
    case 'upstream':
      return {
        list: 'faults',
        tone: { up: 'good', draining: 'warm' }[event.verdict] ?? 'bad',
        text: event.upstream,
        detail: [event.verdict, event.reason],
      }
    case 'handshake':
      return {
        list: 'faults',
        tone: 'warm',
        text: event.name ?? 'no name',
        detail: ['handshake refused', event.reason],
      }
    default:
      return undefined
  }
}

function item({ tone, text, detail }, timeMs) {
  const dot = document.createElement('i')
  dot.className = tone
  const words = document.createElement('p')
  const small = document.createElement('small')
  small.textContent = detail.filter(Boolean).join(', ')
  words.append(text, small)
  const time = document.createElement('time')
  const date = new Date(timeMs)
  time.dateTime = date.toISOString()
  time.textContent = date.toLocaleTimeString()
  const made = document.createElement('li')
  made.append(dot, words, time)
  return made
}
