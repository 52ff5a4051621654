import type { Frame } from './profile.ts'

const WIDTH = 1600
const ROW = 17
/** Frames narrower than this many pixels are not drawn. */
const NARROW = 1
const LETTER = 6.5

/** A flame graph as one HTML file: callers above, what they called beneath, as wide as it took long. */
export function renderFlameGraph(root: Frame, title: string): string {
  const boxes: string[] = []
  let depth = 0

  function draw(frame: Frame, left: number, level: number): void {
    const width = (frame.totalMicros / root.totalMicros) * WIDTH
    if (width < NARROW) return
    depth = Math.max(depth, level + 1)
    boxes.push(box(frame, left, level, width, frame.totalMicros / root.totalMicros))
    let at = left
    for (const child of frame.children) {
      draw(child, at, level + 1)
      at += (child.totalMicros / root.totalMicros) * WIDTH
    }
  }

  draw(root, 0, 0)
  return `<!doctype html>
<html lang="en"><meta charset="utf-8"><title>${escape(title)}</title>
<style>body{font:13px system-ui,sans-serif;margin:1rem}svg{font:11px monospace}rect{stroke:#fff;stroke-width:.5}text{pointer-events:none}
rect:hover{stroke:#000}span{padding:0 .6em;margin-right:.5em}</style>
<h1>${escape(title)}</h1>
<p>${Object.values(KINDS)
    .map(({ label, colour }) => `<span style="background:${colour}">${label}</span>`)
    .join('')} Point at a box for its time.</p>
<svg viewBox="0 0 ${WIDTH} ${depth * ROW}" width="100%">${boxes.join('\n')}</svg>
</html>
`
}

function box(frame: Frame, left: number, level: number, width: number, share: number): string {
  const { colour } = KINDS[kindOf(frame)]
  const y = level * ROW
  const label = `${frame.name} ${frame.place}`
  const time = `${(frame.totalMicros / 1000).toFixed(1)} ms, ${(share * 100).toFixed(1)} %`
  const letters = Math.floor(width / LETTER) - 1
  const text =
    letters < 3 ? '' : `<text x="${(left + 3).toFixed(1)}" y="${y + 12}">${escape(label.slice(0, letters))}</text>`
  return `<g><title>${escape(label)}\n${time}</title><rect x="${left.toFixed(1)}" y="${y}" width="${width.toFixed(1)}" height="${ROW}" fill="${colour}"/>${text}</g>`
}

const KINDS = {
  own: { label: 'the edge', colour: '#8fc3ff' },
  package: { label: 'packages', colour: '#ffd27f' },
  node: { label: 'Node.js', colour: '#c9e7a5' },
  native: { label: 'native code, garbage collection', colour: '#e0e0e0' },
} as const

function kindOf({ place }: Frame): keyof typeof KINDS {
  if (place === '') return 'native'
  if (place.startsWith('node:')) return 'node'
  return place.includes('node_modules/') ? 'package' : 'own'
}

function escape(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;')
}
