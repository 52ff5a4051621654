import t from 'tap'
import { chooseCoding, type Coding } from '../../src/static/coding.ts'

const ALL: Coding[] = ['br', 'zstd', 'gzip']

await t.test('the coding that the visitor prefers, among those there are', async (t) => {
  const table: [string | undefined, Coding[], Coding | undefined][] = [
    [undefined, ALL, undefined],
    ['', ALL, undefined],
    ['gzip', [], undefined],
    ['gzip, deflate, br, zstd', ALL, 'br'],
    ['gzip, deflate, br, zstd', ['gzip'], 'gzip'],
    ['gzip, deflate, br, zstd', ['zstd', 'gzip'], 'zstd'],
    ['deflate', ALL, undefined],
    ['GZIP', ALL, 'gzip'],
    ['x-gzip', ALL, 'gzip'],
    ['br;q=0.5, gzip;q=0.8', ALL, 'gzip'],
    ['br;q=0.8,gzip ; Q=0.8', ALL, 'br'],
    ['br;q=0', ['br'], undefined],
    ['br;q=0.000, *', ['br', 'gzip'], 'gzip'],
    ['*', ALL, 'br'],
    ['*;q=0', ALL, undefined],
    ['*;q=0, gzip', ALL, 'gzip'],
    ['identity', ALL, undefined],
    ['identity, gzip;q=0.5', ALL, undefined],
    ['identity;q=0.5, gzip', ALL, 'gzip'],
    ['identity;q=0.5, gzip;q=0.5', ALL, 'gzip'],
    ['identity;q=0', ALL, undefined],
    ['gzip;q=2', ALL, undefined],
    ['gzip;q=abc', ALL, undefined],
    ['gzip;q=1.000', ALL, 'gzip'],
    [',, gzip ,', ALL, 'gzip'],
  ]
  for (const [accept, available, chosen] of table) t.equal(chooseCoding(accept, available), chosen, String(accept))
})
