import { createHash } from 'node:crypto'

/** What the app of the mixed load answers with: known to both sides, so that every byte can be verified. */

const KEPT = 64
const contents = new Map<string, { content: Buffer; digest: string }>()

/** The same bytes for the same seed, everywhere; they do not compress. */
export function contentOf(seed: string, bytes: number): Buffer {
  return make(seed, bytes).content
}

/** SHA-256 of that, hexadecimal. */
export function digestOf(seed: string, bytes: number): string {
  return make(seed, bytes).digest
}

function make(seed: string, bytes: number): { content: Buffer; digest: string } {
  const key = `${seed} ${bytes}`
  const known = contents.get(key)
  if (known !== undefined) return known
  const content = createHash('shake256', { outputLength: bytes }).update(key).digest()
  const made = { content, digest: createHash('sha256').update(content).digest('hex') }
  const [oldest] = contents.keys()
  if (contents.size >= KEPT && oldest !== undefined) contents.delete(oldest)
  contents.set(key, made)
  return made
}

/** A page of text, which does compress; its size follows from its name. */
export function pageOf(host: string, path: string): Buffer {
  const digest = createHash('sha256').update(`${host}${path}`).digest()
  const lines = 8 + ((digest[0] ?? 0) % 64)
  const line = `<p>garden folder becomes website ${digest.toString('hex')}</p>\n`
  return Buffer.from(`<!doctype html><title>${host}${path}</title>\n${line.repeat(lines)}`)
}
