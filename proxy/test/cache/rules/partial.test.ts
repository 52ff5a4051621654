import t from 'tap'
import { haveSameStrongTag, headOfWhole, partOf } from '../../../src/cache/rules/partial.ts'
import { answer, type Fields } from './answers.ts'

await t.test('which bytes a 206 brings (RFC 9110 14.4, 15.3.7)', async (t) => {
  const rows: [name: string, fields: Fields, expected: [start: number, end: number, size: number] | undefined][] = [
    ['a part', { 'Content-Range': 'bytes 4-8/10' }, [4, 9, 10]],
    ['with its length', { 'Content-Range': 'Bytes 4-8/10', 'Content-Length': '5' }, [4, 9, 10]],
    ['all of it', { 'Content-Range': 'bytes 0-9/10' }, [0, 10, 10]],
    ['fewer bytes than it promises', { 'Content-Range': 'bytes 4-9/10', 'Content-Length': '5' }, undefined],
    ['a whole of unknown size', { 'Content-Range': 'bytes 4-8/*' }, undefined],
    ['beyond the end', { 'Content-Range': 'bytes 4-10/10' }, undefined],
    ['backwards', { 'Content-Range': 'bytes 4-3/10' }, undefined],
    ['no range', { 'Content-Range': 'bytes */10' }, undefined],
    ['another unit', { 'Content-Range': 'lines 4-8/10' }, undefined],
    ['two lines', { 'Content-Range': ['bytes 0-1/10', 'bytes 2-3/10'] }, undefined],
    ['several parts', { 'Content-Type': 'multipart/byteranges; boundary=x' }, undefined],
  ]
  for (const [name, fields, expected] of rows) {
    const [start = 0, end = 0, size = 0] = expected ?? []
    t.strictSame(partOf(answer(fields, 206)), expected && { span: { start, end }, size }, name)
  }
  t.equal(partOf(answer({ 'Content-Range': 'bytes 4-8/10' }, 200)), undefined)
})

await t.test('parts are of the same by one strong tag alone (RFC 9111 3.4)', async (t) => {
  t.ok(haveSameStrongTag(['ETag', '"a"'], ['etag', '"a"']))
  t.notOk(haveSameStrongTag(['ETag', '"a"'], ['ETag', '"b"']))
  t.notOk(haveSameStrongTag(['ETag', 'W/"a"'], ['ETag', 'W/"a"']))
  t.notOk(haveSameStrongTag(['ETag', ''], ['ETag', '']))
  t.notOk(haveSameStrongTag([], []))
  const whole = headOfWhole(
    answer({ Date: [], 'Content-Range': 'bytes 0-1/9', 'content-length': '2', ETag: '"a"' }, 206),
  )
  t.match(whole, { status: 200, fields: ['ETag', '"a"'] })
})
