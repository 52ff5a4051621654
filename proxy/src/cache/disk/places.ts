import { hash } from 'node:crypto'
import { join } from 'node:path'

/** Where the disk tier keeps what: `{cache}/.edge/`, which is the edge's own. */
export type DiskPlaces = {
  readonly root: string
  readonly answers: string
  /** Files that are being written: a rename brings them where they belong. */
  readonly temporary: string
  /** Found by the hash of the key: nothing has to be known before. */
  answer(key: string, selection: string): string
  /** Beside the answers of a key that has variants: the names in its `Vary`. */
  signpost(key: string): string
}

/** What a name ends in. */
export const SIGNPOST = '.vary'

export function placesIn(cacheDirectory: string): DiskPlaces {
  const root = join(cacheDirectory, '.edge')
  const answers = join(root, 'answers')
  return {
    root,
    answers,
    temporary: join(root, 'temporary'),
    answer: (key, selection) => place(answers, `${key}\0${selection}`),
    signpost: (key) => place(answers, `${key}\0`) + SIGNPOST,
  }
}

/** 65,536 folders: with a million files, sixteen in each. */
function place(directory: string, text: string): string {
  const name = hash('sha256', text, 'hex').slice(0, 40)
  return `${directory}/${name.slice(0, 2)}/${name.slice(2, 4)}/${name}`
}

const BLOCK_BYTES = 4096
const INODE_BYTES = 256

/** What a file takes of the disk, bytes: blocks, and an inode. Of short answers that is more than they hold. */
export function costOf(fileBytes: number): number {
  return Math.ceil(fileBytes / BLOCK_BYTES) * BLOCK_BYTES + INODE_BYTES
}
