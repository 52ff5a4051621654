import t from 'tap'
import { parseRange } from '../../src/cache/ranges.ts'

type Outcome = [number, number][] | 'unsatisfiable' | undefined

function rangesOf(header: string, size: number): Outcome {
  const spans = parseRange(header, size)
  return typeof spans === 'object' ? spans.map(({ start, end }) => [start, end]) : spans
}

await t.test('ranges of a body of 100 bytes, end exclusive', async (t) => {
  const table: [string, Outcome][] = [
    ['bytes=0-0', [[0, 1]]],
    ['bytes=0-99', [[0, 100]]],
    ['bytes=0-100', [[0, 100]]],
    ['bytes=50-', [[50, 100]]],
    ['bytes=99-', [[99, 100]]],
    ['bytes=-1', [[99, 100]]],
    ['bytes=-100', [[0, 100]]],
    ['bytes=-101', [[0, 100]]],
    [`bytes=-${'9'.repeat(400)}`, [[0, 100]]],
    [`bytes=1-${'9'.repeat(400)}`, [[1, 100]]],
    ['BYTES=0-1', [[0, 2]]],
    [
      'bytes= 0-1 , 4-5 ',
      [
        [0, 2],
        [4, 6],
      ],
    ],
    [
      'bytes=0-1,,4-5,',
      [
        [0, 2],
        [4, 6],
      ],
    ],
    [
      'bytes=4-5,0-1',
      [
        [4, 6],
        [0, 2],
      ],
    ],
    ['bytes=0-1,200-', [[0, 2]]],
    [
      'bytes=0-1,2-3',
      [
        [0, 2],
        [2, 4],
      ],
    ],
    ['bytes=0-9,5-14', [[0, 15]]],
    [
      'bytes=50-,0-9,5-14,-10',
      [
        [0, 15],
        [50, 100],
      ],
    ],
    ['bytes=0-,0-,0-', [[0, 100]]],
    ['bytes=100-', 'unsatisfiable'],
    ['bytes=100-200,300-', 'unsatisfiable'],
    ['bytes=-0', 'unsatisfiable'],
    [`bytes=${'9'.repeat(400)}-`, 'unsatisfiable'],
    ['bytes=5-4', undefined],
    ['bytes=0-1,5-4', undefined],
    ['bytes=', undefined],
    ['bytes=,', undefined],
    ['bytes=-', undefined],
    ['bytes=a-b', undefined],
    ['bytes=0-1-2', undefined],
    ['bytes=0x1-2', undefined],
    ['bytes=+0-1', undefined],
    ['bytes 0-1', undefined],
    ['bytes', undefined],
    ['seconds=0-1', undefined],
    ['', undefined],
  ]
  for (const [header, outcome] of table) t.same(rangesOf(header, 100), outcome, header.slice(0, 40))
})

await t.test('an empty body has no part to send', async (t) => {
  t.equal(rangesOf('bytes=0-', 0), 'unsatisfiable')
  t.equal(rangesOf('bytes=0-0', 0), 'unsatisfiable')
  t.equal(rangesOf('bytes=-5', 0), undefined)
})

await t.test('sixteen ranges are served, seventeen are ignored', async (t) => {
  const list = (count: number): string => Array.from({ length: count }, (_, i) => `${i * 2}-${i * 2}`).join(',')
  t.equal(rangesOf(`bytes=${list(16)}`, 100)?.length, 16)
  t.equal(rangesOf(`bytes=${list(17)}`, 100), undefined)
})
