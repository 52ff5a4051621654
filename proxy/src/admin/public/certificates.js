import { getJson, TokenNeeded } from './api.js'
import { count } from './format.js'

const SHOWN = 50
const TYPING_MS = 250
const TONES = { active: 'good', issuing: 'calm', waiting: 'warm', limited: 'warm', absent: 'quiet' }

const find = (id) => document.getElementById(id)

/** The names that fit what is typed. Rejects with TokenNeeded. */
export async function showCertificates() {
  const query = new URLSearchParams({ limit: SHOWN, search: find('certificate-search').value.trim() })
  const { certificates, total } = await getJson(`/certificates?${query}`)
  find('certificate-rows').replaceChildren(...certificates.map(row))
  find('certificate-note').textContent = note(total)
}

/** Asks again when somebody has typed. */
export function followSearch() {
  let timer
  find('certificate-search').addEventListener('input', () => {
    clearTimeout(timer)
    timer = setTimeout(() => {
      // Without a token, or an edge, the page says so by itself.
      showCertificates().catch((error) => {
        if (!(error instanceof TokenNeeded)) find('certificate-note').textContent = 'The list could not be read.'
      })
    }, TYPING_MS)
  })
}

function note(total) {
  if (total === 0) return 'None.'
  return total > SHOWN ? `The first ${SHOWN} of ${count(total)}.` : `${count(total)} in all.`
}

function row({ name, state, words, notAfterMs }) {
  const dot = document.createElement('i')
  dot.className = TONES[state] ?? 'bad'
  const cells = [name, state, notAfterMs === undefined ? '–' : new Date(notAfterMs).toISOString().slice(0, 10), words]
  const made = document.createElement('tr')
  made.append(
    ...cells.map((text, column) => {
      const cell = document.createElement('td')
      if (column === 1) cell.append(dot)
      cell.append(text)
      return cell
    }),
  )
  return made
}
