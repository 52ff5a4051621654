import { age, bytes, count, milliseconds, percent, rate } from './format.js'
import { byStatus, cacheUse, quantile } from './rates.js'

/** Points in the chart: three minutes. */
export const HISTORY = 90
const SVG_WIDTH = 300
const SVG_HEIGHT = 60
const TONES = {
  '2xx': 'good',
  '3xx': 'calm',
  '4xx': 'warm',
  '5xx': 'bad',
  memory: 'good',
  stored: 'calm',
  issued: 'warm',
  fallback: 'quiet',
  refused: 'bad',
}

const find = (id) => document.getElementById(id)

/** Everything is written as text: names and reasons come from strangers. */
function element(tag, properties = {}, ...children) {
  const made = Object.assign(document.createElement(tag), properties)
  made.append(...children)
  return made
}

export function showState(state) {
  const shown = find('state')
  if (shown.textContent !== state) shown.textContent = state
  shown.dataset.state = state
}

export function showStatus(status) {
  find('host').textContent = status.host
  document.title = `${status.host} – blot-edge`
  find('about').textContent = `blot-edge ${status.version}, up ${age(status.uptimeMs)}`
  showState(status.state)
  showNotice(status)
  find('processes').replaceChildren(...status.processes.map(processRow))
  const listeners = status.listeners.map(({ name, address, port }) => [name, `${address} port ${port}`])
  const upstreams = status.upstreams.map(upstreamPair)
  find('listeners').replaceChildren(...pairs(listeners))
  find('upstreams').replaceChildren(...pairs(upstreams))
  find('webhooks').replaceChildren(...pairs(webhookWords(status.webhooks)))
}

/** What is not as it should be, a sentence each. */
function showNotice({ maintenance, degraded = [] }) {
  const closed = maintenance?.on ? [`in maintenance, by ${maintenance.by.join(' and ')}`] : []
  const text = [...closed, ...degraded].join(' · ')
  const notice = find('notice')
  if (notice.textContent !== text) notice.textContent = text
  notice.hidden = text === ''
}

function webhookWords(counts) {
  if (counts === undefined) return [['waiting', 'unknown: the store does not answer']]
  const { waiting, dead, oldestSinceMs } = counts
  const since = waiting > 0 && oldestSinceMs !== undefined ? `, the first for ${age(Date.now() - oldestSinceMs)}` : ''
  return [
    ['waiting', `${count(waiting)}${since}`],
    ['given up', count(dead)],
  ]
}

function upstreamPair({ url, backup, state, active, error }) {
  const words = [error === undefined ? state : `${state} (${error})`, `${count(active)} under way`]
  return [backup ? 'backup' : 'app', `${url} ${words.join(', ')}`]
}

function processRow({ id, state, pid, startedAt, connections, requests, rssBytes }) {
  const numbers = [pid, age(Date.now() - Date.parse(startedAt)), count(connections), count(requests), bytes(rssBytes)]
  return element(
    'tr',
    {},
    element('td', { textContent: id }),
    element('td', { textContent: state }),
    ...numbers.map((text) => element('td', { className: 'number', textContent: text })),
  )
}

function pairs(entries) {
  return entries.flatMap(([name, value]) => [
    element('dt', { textContent: name }),
    element('dd', { textContent: value }),
  ])
}

/** What has been counted since the edge started. */
export function showTotals(metrics) {
  const { gauges, counters } = metrics
  const { answered, asked } = cacheUse(metrics)
  find('hit-ratio').textContent = percent(answered, asked)
  find('hit-note').textContent = `${count(gauges.memoryEntries)} in memory, ${bytes(gauges.memoryBytes)}`
  find('connections').textContent = count(gauges.connections)
  showShares(find('statuses'), byStatus(metrics))
  showShares(find('handshakes'), counters.handshakes)
}

/** What happens now. `history` holds requests a second, oldest first. */
export function showRates(rates, history, boundsSeconds) {
  find('request-rate').textContent = rate(rates.requestsPerSecond)
  find('bytes-note').textContent = `${bytes(Math.round(rates.bytesPerSecond))} a second`
  const [median, high] = [0.5, 0.95].map((share) => quantile(rates.buckets, boundsSeconds, share))
  find('duration-median').textContent = median === undefined ? '–' : `≤ ${milliseconds(median)}`
  find('duration-note').textContent = high === undefined ? 'no requests now' : `95 % within ${milliseconds(high)}`
  showChart(history)
}

/** The newest value stands at the right edge; a full history fills the width. */
function showChart(history) {
  const highest = Math.max(1, ...history)
  const xOf = (i) => SVG_WIDTH * (1 - (history.length - 1 - i) / (HISTORY - 1))
  const points = history.map((value, i) => `${xOf(i).toFixed(1)},${(58 - (54 * value) / highest).toFixed(1)}`)
  const [area, line] = find('request-chart').querySelectorAll('path')
  line.setAttribute('d', `M${points.join('L')}`)
  area.setAttribute('d', `M${xOf(0).toFixed(1)},${SVG_HEIGHT}L${points.join('L')}L${SVG_WIDTH},${SVG_HEIGHT}Z`)
}

/** A bar in parts, and a legend that says the same in words. */
function showShares(container, values) {
  const entries = Object.entries(values).filter(([, value]) => value > 0)
  if (entries.length === 0) {
    container.replaceChildren(element('p', { className: 'empty', textContent: 'None yet.' }))
    return
  }
  const parts = entries.map(([name, value]) => {
    const part = element('span', { className: TONES[name] ?? 'quiet' })
    part.style.flexGrow = value
    return part
  })
  const words = entries.map(([name, value]) =>
    element(
      'li',
      { className: TONES[name] ?? 'quiet' },
      element('span', { textContent: `${count(value)} ` }),
      element('span', { className: 'word', textContent: name }),
    ),
  )
  const bar = element('div', { className: 'bar', ariaHidden: 'true' }, ...parts)
  container.replaceChildren(bar, element('ul', { className: 'legend' }, ...words))
}
