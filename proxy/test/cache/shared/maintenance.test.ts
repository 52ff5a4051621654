import t from 'tap'
import { InMaintenance } from '../../../src/errors.ts'
import { fields, startSite } from './site.ts'

const CLOSED = new InMaintenance({ retryAfterS: 600, message: 'Moving <house>.' })

await t.test('in maintenance, what is stored is served, stale answers too, and the app is not asked', async (t) => {
  const site = await startSite(t)
  site.reply = (request, response, number) => {
    const lifetime = { '/fresh': 'max-age=1000', '/stale': 'max-age=10', '/strict': 'max-age=10, must-revalidate' }
    const { url = '' } = request
    fields({ 'Cache-Control': lifetime[url as '/fresh'] ?? 'max-age=10, stale-while-revalidate=100' })(
      request,
      response,
      number,
    )
  }
  for (const path of ['/fresh', '/stale', '/strict', '/revalidating']) await site.ask(path)
  site.advance(60)
  site.closed = CLOSED

  t.match(await site.ask('/fresh'), { status: 200, text: 'body 1', headers: { 'blot-cache': 'HIT' } })
  t.match(await site.ask('/stale'), { status: 200, text: 'body 2', headers: { 'blot-cache': 'STALE' } })
  t.match(await site.ask('/revalidating'), { status: 200, text: 'body 4', headers: { 'blot-cache': 'STALE' } })
  const page = {
    status: 503,
    text: /Moving <house>\. It should answer again in 10 minutes/,
    headers: { 'retry-after': '600', 'cache-control': 'no-store', 'blot-cache': 'BYPASS' },
  }
  t.match(await site.ask('/strict'), page, 'what must be confirmed is not sent')
  t.match(await site.ask('/unknown'), page)
  t.match(await site.ask('/form', {}, { method: 'POST', body: 'x'.repeat(100_000) }), page)
  t.match(await site.ask('/stale', { 'cache-control': 'no-cache' }), page)
  const html = await site.ask('/unknown', { accept: 'text/html' })
  t.match(html.text, '<p>Moving &#60;house&#62;. It should answer again in 10 minutes.</p>')
  const json = await site.ask('/unknown', { accept: 'application/json' })
  t.match(JSON.parse(json.text), { status: 503, error: 'maintenance', message: 'Moving <house>.' })
  t.equal(site.asked.length, 4)

  site.closed = undefined
  t.match(await site.ask('/unknown'), { status: 200, text: 'body 5' })
  t.match(await site.ask('/strict'), { status: 200, text: 'body 6' })
})
