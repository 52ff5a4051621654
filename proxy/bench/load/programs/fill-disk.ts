import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { encodeTail } from '../../../src/cache/disk/answer-file.ts'
import { placesIn } from '../../../src/cache/disk/places.ts'
import { readHead } from '../../../src/cache/rules/stored-head.ts'

/** Writes answers into a disk tier, in its own format: `http://HOST/page-N`, for N from 0. */

const [, , cacheDirectory = '', host = '', count = '0', since = '0'] = process.argv
const places = placesIn(cacheDirectory)
const body = Buffer.alloc(1000, 'a page of a kilobyte. ')
const nowMs = Date.now()
const fields = ['Content-Type', 'text/html', 'Cache-Control', 'max-age=86400', 'Date', new Date(nowMs).toUTCString()]
const head = readHead({ status: 200, fields, requestedMs: nowMs, receivedMs: nowMs })
const made = new Set<string>()

mkdirSync(places.temporary, { recursive: true, mode: 0o700 })
for (let page = 0; page < Number(count); page++) {
  const key = `http://${host}/page-${page}`
  const path = places.answer(key, '')
  const folder = dirname(path)
  if (!made.has(folder)) mkdirSync(folder, { recursive: true, mode: 0o700 })
  made.add(folder)
  const names = { host, url: key, tags: [] }
  const stored = { key, names, vary: [], selection: '', head, since: Number(since), isStale: false }
  writeFileSync(path, Buffer.concat([body, encodeTail(stored, body)]), { mode: 0o600 })
}
