import t from 'tap'
import { renderFlameGraph } from '../../bench/profile/flame-graph.ts'
import { callTree, cut, selfTimes, type Profile, type ProfileNode } from '../../bench/profile/profile.ts'

function node(id: number, functionName: string, url: string, children: number[] = []): ProfileNode {
  return { id, callFrame: { functionName, url, lineNumber: 9, columnNumber: 0, scriptId: '1' }, children }
}

const profile: Profile = {
  nodes: [
    node(1, '(root)', '', [2, 3, 4]),
    node(2, 'serve', 'file:///somewhere/proxy/src/server/server.ts', [5]),
    node(3, 'serve', 'file:///somewhere/proxy/src/server/server.ts'),
    node(4, '(idle)', ''),
    node(5, 'writev', ''),
  ],
  startTime: 1000,
  endTime: 2000,
  samples: [2, 4, 5, 3, 5],
  timeDeltas: [100, 200, 300, 50, 10],
}

await t.test('one tree of calls, without idle time, each function once', async (t) => {
  const tree = callTree(profile)
  t.equal(tree.totalMicros, 460)
  const place = 'proxy/src/server/server.ts:10'
  t.match(tree.children, [{ name: 'serve', place, selfMicros: 150, totalMicros: 460, children: [{ name: 'writev' }] }])
  t.equal(tree.children.length, 1)
  t.match(selfTimes(tree), [
    { name: 'writev', micros: 310 },
    { name: 'serve', micros: 150 },
  ])
})

await t.test('what lies before and after the load is left out', async (t) => {
  const during = cut(profile, 1200, 1650)
  t.strictSame(during.samples, [4, 5, 3])
  t.equal(callTree(during).totalMicros, 350)
})

await t.test('a flame graph has a box for each call, as wide as it took long', async (t) => {
  const html = renderFlameGraph(callTree(profile), 'worker under <load>')
  t.match(html, 'worker under &lt;load>')
  t.match(html, /writev \n0\.3 ms, 67\.4 %<\/title><rect x="0\.0" y="34" width="1078\.3"/)
})
