import { chromium, type Page } from 'playwright-core'
import t from 'tap'
import { edgeChannel } from '../../src/events.ts'
import { openCertificates } from './certificates.ts'
import { startAdmin, STATUS } from './start.ts'

const ARGUMENTS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--disable-background-networking',
  '--disable-sync',
]

const browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: ARGUMENTS })
t.teardown(() => browser.close())

/** Waits until the element shows this text. */
async function shows(page: Page, selector: string, text: string): Promise<void> {
  await page.locator(selector).filter({ hasText: text }).first().waitFor({ timeout: 10_000 })
}

await t.test('the dashboard asks for the token, then shows the edge as it lives', async (t) => {
  const names = ['garden.example', 'harbor.example', 'north.example']
  const { url } = await startAdmin(t, { token: 'right', certificates: await openCertificates(t, names) })
  const page = await browser.newPage()
  const errors: string[] = []
  page.on('pageerror', (error) => errors.push(error.message))
  page.on('console', (message) => {
    if (message.type() === 'error' && !message.text().includes('401')) errors.push(message.text())
  })
  await page.goto(`${url}/`)
  await enterToken(page, 'wrong')
  await shows(page, '#token-note', 'refused')
  await enterToken(page, 'right')

  await shows(page, '#state', 'running')
  t.equal(await page.title(), 'blot.localhost – blot-edge')
  t.equal(await page.locator('#processes tr').count(), 3)
  t.match(await page.locator('#processes tr').last().innerText(), /^worker-1\trunning\t4242\t.+\t3\t120\t64\.0 MB$/)
  t.equal(await page.locator('#listeners').innerText(), 'http\n127.0.0.1 port 8000\nhttps\n127.0.0.1 port 8443')
  t.equal(await page.locator('#upstreams').innerText(), 'app\nhttp://127.0.0.1:8080 away (ECONNREFUSED), 3 under way')

  await shows(page, '#certificate-note', '3 in all.')
  t.match(
    await page.locator('#certificate-rows tr').first().innerText(),
    /^garden\.example\tactive\t\d{4}-\d\d-\d\d\tactive/,
  )
  await page.locator('#certificate-search').fill('harbor')
  await shows(page, '#certificate-note', '1 in all.')
  t.equal(await page.locator('#certificate-rows tr').count(), 1)

  publishSome()
  await shows(page, '#certificates', 'garden.blot.localhost')
  await shows(page, '#certificates', 'obtained, from local')
  t.equal(await page.locator('#certificates li').count(), 1, 'one line a certificate')
  await shows(page, '#faults', '<img src=x>')
  t.equal(await page.locator('img').count(), 0, 'what strangers write stays text')
  await shows(page, '#hit-ratio', '75.0 %')
  await shows(page, '#statuses', '4 2xx')
  await shows(page, '#statuses', '1 5xx')
  await shows(page, '#handshakes', '1 refused')
  await shows(page, '#duration-median', '≤ 2.5 ms')

  await page.reload()
  await shows(page, '#state', 'running')
  await shows(page, '#certificates', 'garden.blot.localhost')
  t.notOk(await page.locator('dialog').isVisible(), 'the token is kept in this tab')
  t.same(errors, [])
  await page.close()
})

await t.test('the dashboard says what is not as it should be', async (t) => {
  const maintenance = { on: true, by: ['switch' as const] }
  const status = async () => ({ ...STATUS, maintenance, degraded: ['the store does not answer (<b>)'] })
  const { url } = await startAdmin(t, { status })
  const page = await browser.newPage()
  await page.goto(`${url}/`)
  await shows(page, '#notice', 'in maintenance, by switch · the store does not answer (<b>)')
  await page.close()
})

await t.test('the dashboard says when the edge is gone', async (t) => {
  const { app, url } = await startAdmin(t)
  const page = await browser.newPage()
  await page.goto(`${url}/`)
  await shows(page, '#state', 'running')
  await app.close()
  await shows(page, '#state', 'unreachable')
  await page.close()
})

async function enterToken(page: Page, token: string): Promise<void> {
  await page.getByLabel('Token', { exact: true }).fill(token)
  await page.getByRole('button', { name: 'Open' }).click()
}

function publishSome(): void {
  const certificate = { name: 'garden.blot.localhost', issuer: 'local', durationMs: 1, reason: undefined }
  edgeChannel('certificate').publish({ ...certificate, phase: 'obtaining' })
  edgeChannel('certificate').publish({ ...certificate, phase: 'obtained' })
  edgeChannel('handshake').publish({
    name: '<img src=x>',
    outcome: 'refused',
    resumed: false,
    durationMs: 1,
    address: '203.0.113.9',
    reason: 'not permitted',
  })
  const request = {
    method: 'GET',
    scheme: 'https' as const,
    host: 'garden.blot.localhost',
    target: '/',
    version: '2.0',
    status: 200,
    bytes: 1000,
    durationMs: 2,
    upstream: undefined,
    requestId: '0',
    address: '203.0.113.9',
    reason: undefined,
    aborted: false,
    userAgent: undefined,
    referrer: undefined,
  }
  for (const cache of ['HIT', 'STALE', 'HIT', 'MISS'] as const) edgeChannel('request').publish({ ...request, cache })
  edgeChannel('request').publish({ ...request, status: 502, cache: undefined })
}
