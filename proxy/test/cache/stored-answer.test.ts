import t from 'tap'
import { findSelected, type StoredAnswer } from '../../src/cache/stored-answer.ts'
import { selectionOf } from '../../src/cache/rules/vary.ts'
import { storedAs } from './disk/tier.ts'
import { headOf } from './fixture.ts'

const KEY = 'https://a.test/'

function variant(vary: string[], fields: string[]): { stored: StoredAnswer } {
  return { stored: storedAs(KEY, { vary, selection: selectionOf(vary, fields) }) }
}

await t.test('the first that says what the request says', async (t) => {
  const german = variant(['accept-language'], ['Accept-Language', 'de'])
  const english = variant(['accept-language'], ['Accept-Language', 'en'])
  const mobile = variant(['accept-language', 'user-agent'], ['Accept-Language', 'en', 'User-Agent', 'mobile'])
  const forAll = { stored: storedAs(KEY) }
  const ask = (kept: (typeof german)[], ...rawHeaders: string[]): unknown =>
    findSelected(kept, { ...headOf('/'), rawHeaders })
  const all = [german, mobile, english]
  t.equal(ask(all, 'Accept-Language', 'EN'), english)
  t.equal(ask(all, 'Accept-Language', 'en', 'User-Agent', 'mobile'), mobile)
  t.equal(ask(all, 'Accept-Language', 'fr'), undefined)
  t.equal(ask([...all, forAll], 'Accept-Language', 'fr'), forAll)
  t.equal(ask([forAll, ...all], 'Accept-Language', 'en'), forAll)
})

await t.test('what a request says is read once, however many variants there are', async (t) => {
  const readsFor = (count: number): number => {
    let reads = 0
    const rawHeaders = new Proxy(['Accept-Language', 'fr'], {
      get(fields, name) {
        reads++
        return Reflect.get(fields, name) as unknown
      },
    })
    const kept = Array.from({ length: count }, (_, n) => variant(['accept-language'], ['Accept-Language', `x-${n}`]))
    t.equal(findSelected(kept, { ...headOf('/'), rawHeaders }), undefined)
    return reads
  }
  t.equal(readsFor(32), readsFor(1))
})
