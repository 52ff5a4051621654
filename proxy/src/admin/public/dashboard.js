import { followEvents, getJson, hasToken, keepToken, TokenNeeded } from './api.js'
import { followSearch, showCertificates } from './certificates.js'
import { showEvent, showNoEvents } from './events.js'
import { between } from './rates.js'
import { HISTORY, showRates, showState, showStatus, showTotals } from './view.js'

const POLL_MS = 2000
const RECONNECT_MS = 2000
/** Every name is looked at for this. */
const LIST_MS = 30_000

const dialog = document.getElementById('token-dialog')
const input = document.getElementById('token')
const history = []
let previous
let lastId
let asking

async function poll() {
  // A tab that nobody sees asks nothing.
  if (document.hidden) return
  const [status, metrics] = await Promise.all([getJson('/status'), getJson('/metrics')])
  const nowMs = performance.now()
  showStatus(status)
  showTotals(metrics)
  if (previous !== undefined) {
    const rates = between(previous.metrics, metrics, (nowMs - previous.nowMs) / 1000)
    history.push(rates.requestsPerSecond)
    if (history.length > HISTORY) history.shift()
    showRates(rates, history, metrics.durationBoundsSeconds)
  }
  previous = { metrics, nowMs }
}

async function list() {
  if (!document.hidden) await showCertificates()
}

async function follow() {
  await followEvents(lastId, (event, id) => {
    lastId = id
    showEvent(event)
  })
}

async function forEver(work, pauseMs) {
  for (;;) {
    try {
      await work()
      await pause(pauseMs)
    } catch (error) {
      if (error instanceof TokenNeeded) {
        await askToken()
      } else {
        showState('unreachable')
        await pause(pauseMs)
      }
    }
  }
}

/** Both loops may want a token: one dialog answers them. */
function askToken() {
  asking ??= new Promise((resolve) => {
    if (hasToken()) document.getElementById('token-note').textContent = 'The edge refused that token.'
    const keep = (submitted) => {
      submitted.preventDefault()
      keepToken(input.value)
      input.value = ''
      dialog.close()
      asking = undefined
      resolve()
    }
    document.getElementById('token-form').addEventListener('submit', keep, { once: true })
    dialog.showModal()
  })
  return asking
}

function pause(ms) {
  return new Promise((resolve) => {
    setTimeout(resolve, ms)
  })
}

// There is nothing to see without a token.
dialog.addEventListener('cancel', (cancelled) => cancelled.preventDefault())
showNoEvents()
void forEver(poll, POLL_MS)
void forEver(follow, RECONNECT_MS)
void forEver(list, LIST_MS)
followSearch()
